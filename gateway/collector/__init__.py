"""Checks batches, writes them to the stores and sends receipts."""
