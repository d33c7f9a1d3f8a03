"""The error of an application that sends to a client which has left."""


class ClientDisconnected(OSError):
    """The client has disconnected: nothing can be sent (ASGI 2.4, `send`)."""
