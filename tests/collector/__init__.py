"""What a collector takes, what becomes of the rest, and when it gives a receipt."""
