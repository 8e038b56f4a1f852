"""P1 and IEC 62056-21: data lines, streams, dialogue."""
