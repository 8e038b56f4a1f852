"""The roles: the only files that name concrete classes."""
