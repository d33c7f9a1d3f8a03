"""The ASGI scopes of the requests of one connection."""

from typing import Any, Final
from urllib.parse import unquote

from satmint.server.listener_context import ListenerContext
from satmint.server.requests import RequestHead

_ASGI: Final = {"version": "3.0", "spec_version": "2.4"}


class Scopes:
    """Makes the scopes of a connection's requests; most clients send the same head again."""

    __slots__ = ("_context", "_last", "_peer", "_trusts_peer")

    def __init__(self, context: ListenerContext, peer: tuple[str, int]) -> None:
        """Prepare.

        Args:
            context: The listener's context.
            peer: The IP address and the port at the other end of the connection.
        """
        self._context = context
        self._peer = peer
        self._trusts_peer = context.proxies.trusts(peer[0])
        self._last: tuple[RequestHead, dict[str, Any]] | None = None

    def of(self, head: RequestHead) -> dict[str, Any]:
        """The ASGI 3 scope of a request. It may be changed, but not its lists."""
        if self._last is None or self._last[0] is not head:
            self._last = head, self._new(head)
        return self._last[1].copy()

    def _new(self, head: RequestHead) -> dict[str, Any]:
        path, _, query = head.target.partition(b"?")
        text = path.decode("ascii")
        client = self._peer
        if self._trusts_peer:
            client = (self._context.proxies.client_address(client[0], head.headers), 0)
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": head.http_version,
            "method": head.method,
            "scheme": self._context.scheme,
            "path": unquote(text) if "%" in text else text,
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": head.headers,
            "client": client,
            "server": None,
            "satmint.peer": self._peer[0],
        }
