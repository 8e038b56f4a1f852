"""Tests of counters and intervals."""
