"""Wired M-Bus: frames, records, streams, conversations, searches and profiles."""
