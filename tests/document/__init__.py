"""Tests of reading, checking and editing the YAML files that people write."""
