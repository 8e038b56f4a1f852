"""Tests of the units, the udev rules and what their notes say."""
