"""Deterministic simulation: the product's own edge and collector on simulated time, disks, buses, broker and store."""
