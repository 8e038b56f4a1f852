"""What travels between edge and collector, as pure functions of bytes."""
