"""Tests of what travels: lines, batches, topics, receipts, catalogues and status."""
