"""Carries batches from the spool to the collector and receipts back."""
