"""Kamstrup Meter Protocol."""
