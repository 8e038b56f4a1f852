"""Simulated devices, faults and a simulated district with a known truth."""
