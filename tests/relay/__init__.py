"""What is sent in which order, what frees the spool, and what no broker can spoil."""
