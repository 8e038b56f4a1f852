"""Tests of the example files and of the generated JSON Schemas."""
