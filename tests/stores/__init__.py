"""Tests of the stores that need no server."""
