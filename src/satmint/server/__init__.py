"""An HTTP/1.1 and WebSocket server for ASGI applications, with limits on every resource.

It knows nothing about tokens: it parses requests strictly, limits the resources of each client, and
shuts down gracefully.
"""

from satmint.server.certificates import ServerCertificate, UnusableCertificate
from satmint.server.connection_table import ConnectionLimits
from satmint.server.listening import (
    BACKLOG,
    LifecycleHooks,
    Listener,
    ListenerApp,
    Server,
    ServerOptions,
    bind,
    serve,
)

__all__ = [
    "BACKLOG",
    "ConnectionLimits",
    "LifecycleHooks",
    "Listener",
    "ListenerApp",
    "Server",
    "ServerCertificate",
    "ServerOptions",
    "UnusableCertificate",
    "bind",
    "serve",
]
