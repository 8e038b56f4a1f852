"""The test of the tests: faults put into our own source, each of which a named invariant or test must catch."""
