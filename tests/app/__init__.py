"""Roles, assembled as in production."""
