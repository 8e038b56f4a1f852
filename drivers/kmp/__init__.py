"""Kamstrup Meter Protocol (KMP): heat and water meters of Kamstrup behind an optical head."""
