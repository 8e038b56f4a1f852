"""The page, asked over real sockets, with made-up facts."""
