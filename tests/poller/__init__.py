"""Schedule, back-off, stamps and the poller itself."""
