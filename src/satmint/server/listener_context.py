"""The state that all connections of one listener share."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp

from satmint.model.proxies import TrustedProxies
from satmint.server.certificates import ServerCertificate
from satmint.server.connection_table import ConnectionTable
from satmint.server.date_field import DateField
from satmint.server.refusals import Refusals


@dataclass(slots=True, eq=False)
class ListenerContext:
    """An application, and what the connections of its listener need."""

    app: ASGIApp
    table: ConnectionTable
    refusals: Refusals
    proxies: TrustedProxies
    date: DateField | None
    """None if the application sends the field itself."""
    certificate: ServerCertificate | None = None
    """If set, connections use TLS."""
    hsts_seconds: int = 0
    """`max-age` of Strict-Transport-Security (RFC 6797); 0 to send none."""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    """Tasks of running requests, WebSockets and TLS handshakes."""
    stopping: bool = False
    """Whether connections close after their current response."""

    scheme: str = field(init=False)
    """`http` or `https`."""
    hsts: bytes = field(init=False, default=b"")
    common_fields: bytes = field(init=False)
    """The header lines that every response of this listener begins with."""

    def __post_init__(self) -> None:
        self.scheme = "http" if self.certificate is None else "https"
        if self.certificate is not None and self.hsts_seconds:
            self.hsts = b"strict-transport-security: max-age=%d\r\n" % self.hsts_seconds
        self.refresh()

    def refresh(self) -> None:
        """Update the `Date` line; called several times a second."""
        self.common_fields = self.hsts if self.date is None else self.date.line + self.hsts

    def start(self, work: Any) -> asyncio.Task[None]:  # noqa: ANN401 - any coroutine
        """Run a coroutine as a task; a shutdown waits for it."""
        task: asyncio.Task[None] = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task
