"""Every decoder of outside bytes under bytes that nobody meant it to get."""
