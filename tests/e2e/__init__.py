"""The parts together with real servers on free loopback ports."""
