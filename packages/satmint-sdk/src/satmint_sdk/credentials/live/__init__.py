"""A live session on the gateway: connection state without I/O, sockets, the client."""
