"""Tests through the seams; the folders mirror the packages."""
