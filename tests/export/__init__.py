"""Tests of what leaves the gateway as a document."""
