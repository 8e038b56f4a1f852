"""YAML text to a tree that knows its lines, and errors that show them."""
