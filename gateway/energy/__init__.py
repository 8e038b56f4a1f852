"""Computed numbers: counters, intervals and completeness."""
