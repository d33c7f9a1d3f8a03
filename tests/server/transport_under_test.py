"""A connection of the server on a transport that a test plays the network of.

site = Site()
connection = site.connected()
connection.data_received(get())
await site.settled()
assert site.transport.calls == [...]
"""

import asyncio
from collections import Counter
from http import HTTPStatus
from typing import Any, Final, cast

from satmint.model.proxies import TrustedProxies
from satmint.server.connection_table import ConnectionLimits, ConnectionTable
from satmint.server.date_field import DateField
from satmint.server.http_connection import HttpConnection
from satmint.server.listener_context import ListenerContext
from satmint.server.refusals import Refusals
from tests.kit.clock import FrozenClock
from tests.kit.entropy import SeededEntropy
from tests.server.running_server import Answer, Application, ShiftedLoop, read_answers
from tests.server.test_connection_table import OpenConnection

PEER: Final = ("192.0.2.1", 40_000)


class RecordingTransport(asyncio.Transport):
    """Keeps what is written, and records what else is done to it, in order."""

    def __init__(self, peer: tuple[str, int] | None = PEER, *, half_closes: bool = True) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.written = b""
        self.unread = 0
        """Bytes that the client has not read."""
        self.limits: tuple[int | None, int | None] | None = None
        self.protocol: asyncio.BaseProtocol | None = None
        self.eof_error: OSError | None = None
        self._peer = peer
        self._half_closes = half_closes
        self._closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as in asyncio
        return self._peer if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits = high, low

    def get_write_buffer_size(self) -> int:
        return self.unread

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def can_write_eof(self) -> bool:
        return self._half_closes

    def write_eof(self) -> None:
        if self.eof_error is not None:
            raise self.eof_error
        self.calls.append("eof")

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self.calls.append("close")
        self._closing = True

    def abort(self) -> None:
        self.calls.append("abort")
        self._closing = True

    def taken(self) -> list[str]:
        """What was done since the last time."""
        calls, self.calls = self.calls, []
        return calls

    def answers(self) -> list[Answer]:
        """The answers that were written since the last time."""
        answers = read_answers(self.written)
        self.written = b""
        return answers


class Site:
    """An `Application`, and what its connections share."""

    def __init__(self, limits: ConnectionLimits | None = None) -> None:
        self.clock = ShiftedLoop(asyncio.get_running_loop())
        self.table = ConnectionTable(limits or ConnectionLimits())
        self.table._loop = cast("asyncio.AbstractEventLoop", self.clock)
        self.app = Application()
        self.refused: Counter[tuple[int, str]] = Counter()
        self.context = ListenerContext(
            app=self.app,
            table=self.table,
            refusals=Refusals(
                SeededEntropy(), self._count, self.clock.time, DateField(FrozenClock().now)
            ),
            proxies=TrustedProxies(),
            date=None,
            loop=cast("asyncio.AbstractEventLoop", self.clock),
        )
        self.transport = RecordingTransport()

    def _count(self, status: HTTPStatus, cause: str) -> None:
        self.refused[status.value, cause] += 1

    def connected(self, transport: RecordingTransport | None = None) -> HttpConnection:
        """A new connection, on `transport`."""
        self.transport = transport or self.transport
        pending = OpenConnection("pending", [])
        assert self.table.admit(pending, PEER[0]) is None
        connection = HttpConnection(self.context, pending)
        connection.connection_made(self.transport)
        return connection

    async def settled(self) -> None:
        """Let all tasks run until they wait for something else."""
        for _ in range(12):
            await asyncio.sleep(0)

    def deadlines(self, connection: Any) -> set[str]:  # noqa: ANN401 - of either kind
        """The deadlines that a connection has."""
        table = self.table
        found: dict[str, Any] = {
            "idle": table.idle,
            "arriving": table.arriving,
            "closing": table.closing,
            "stalled": table._stalled,
        }
        return {name for name, deadlines in found.items() if connection in deadlines}
