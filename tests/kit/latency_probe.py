"""A caller that makes a new connection for every request, and measures how long each takes."""

import json
import ssl
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final

from tests.kit.wire import ISSUE, REFRESH

SOURCE: Final = "127.0.1.9"
PERIOD_SECONDS: Final = 0.5

_GIVE_UP_SECONDS: Final = 3
"""For one step of a request: connecting, or waiting for the answer."""


@dataclass(frozen=True)
class Probed:
    """One request and what came of it."""

    path: str
    seconds: float
    outcome: str
    """The status, or the error."""

    def is_good(self, within: float) -> bool:
        """Whether it was answered as it should be, within so many seconds."""
        return self.outcome in ("200", "201") and self.seconds <= within


@dataclass
class Probe:
    """A caller with a session of its own, from another address than the crowd's."""

    address: tuple[str, int]
    auth: tuple[str, str]
    tls: ssl.SSLContext | None = None
    results: list[Probed] = field(default_factory=list)
    _refresh_token: str = ""

    def sign_in(self) -> None:
        """Get the first refresh token."""
        result = self._request("POST", ISSUE, {"reference": "probe@example.com"})
        assert result.is_good(_GIVE_UP_SECONDS), result

    def run(self, seconds: float, also: Callable[[], object] = lambda: None) -> list[Probed]:
        """Probe every half second; returns the results.

        Args:
            seconds: How long.
            also: Called after each probe.
        """
        first = len(self.results)
        start = time.monotonic()
        for number in range(max(1, round(seconds / PERIOD_SECONDS))):
            delay = start + number * PERIOD_SECONDS - time.monotonic()
            if delay > 0:
                time.sleep(delay)
            elif time.monotonic() - start > seconds:
                break
            self.once()
            also()
        return self.results[first:]

    def once(self) -> None:
        """Send one request of each kind."""
        self._request("GET", "/livez", None)
        self._request("POST", REFRESH, {"refresh_token": self._refresh_token})

    def _request(self, method: str, path: str, body: dict[str, str] | None) -> Probed:
        connection = self._connection()
        credentials = b64encode(":".join(self.auth).encode()).decode()
        headers = {"authorization": f"Basic {credentials}", "content-type": "application/json"}
        start = time.monotonic()
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            content = answer.read()
            outcome = str(answer.status)
            if body is not None and answer.status < 300:
                self._refresh_token = json.loads(content)["refresh_token"]
        except (OSError, HTTPException) as error:
            outcome = repr(error)
        finally:
            connection.close()
        self.results.append(Probed(path, time.monotonic() - start, outcome))
        return self.results[-1]

    def _connection(self) -> HTTPConnection:
        host, port = self.address
        if self.tls is None:
            return HTTPConnection(host, port, timeout=_GIVE_UP_SECONDS, source_address=(SOURCE, 0))
        return HTTPSConnection(
            host, port, timeout=_GIVE_UP_SECONDS, source_address=(SOURCE, 0), context=self.tls
        )
