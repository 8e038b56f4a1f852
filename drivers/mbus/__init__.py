"""Wired M-Bus (EN 13757-2 and -3): frames, records, and meters that are asked."""
