"""The durable log between a reading and its receipt."""
