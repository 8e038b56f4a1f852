"""What leaves the gateway as a document or a file for others."""
