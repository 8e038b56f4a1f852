"""Modbus, read-only: pure codec files and one thin driver."""
