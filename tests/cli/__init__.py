"""The command line itself: what it shows, and its page."""
