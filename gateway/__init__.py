"""Kvarter: from the bus to the store, exactly once or declared as a gap."""

__version__ = "0.1.0"
