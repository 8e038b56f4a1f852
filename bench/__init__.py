"""Benchmarks: ratios and counts in one run, against peers and floors; `make bench` writes the results."""
