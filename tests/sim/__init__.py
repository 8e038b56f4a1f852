"""Simulated devices: registers, values, sockets and terminals, faults, truth."""
