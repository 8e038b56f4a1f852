"""SML: type-length fields, messages, frames, streams, defects of meters."""
