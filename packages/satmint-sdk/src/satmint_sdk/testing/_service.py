"""A token service in memory."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from email.utils import formatdate
from typing import Any, ClassVar

import httpx

from satmint_sdk._ambient import Clock
from satmint_sdk.rest import AsyncRestClient, RequestOptions, RestClient
from satmint_sdk.testing._clock import FakeClock, FakeEntropy
from satmint_sdk.testing._port import serve
from satmint_sdk.testing._rules import API_TOKEN, C2C_TOKEN, PROJECT, Refused, TokenRules


class FakeTokenService(httpx.MockTransport):
    """A token service with one project, reached without a network: it is an httpx transport.

    It issues subscriber tokens, rotates refresh tokens, exchanges Click-to-Call tokens and renews
    bound tokens by the rules of a satmint server. Its tokens mean nothing elsewhere.

    Example:
        clock = FakeClock()
        service = FakeTokenService(clock)
        client = service.async_client()
        provider = SubscriberCredentialProvider(client, reference="alice", clock=clock)
        async with CredentialSession(provider, clock=clock) as session:
            service.lose_answer()
            await clock.advance(2 * 3600)
            assert service.accepts(await session.token())

    Args:
        clock: The service's clock; a new `FakeClock` if absent. Give the same one to clients,
            providers and sessions.
        cluster: The `ch` header of its tokens; none if absent.

    Attributes:
        clock: The service's clock.
        requests: Method and path of every request, in order.
        bodies: The body of every request, in order; they contain its secrets.
    """

    project: ClassVar[str] = PROJECT
    """The project's id."""
    api_token: ClassVar[str] = API_TOKEN
    """The project's API token."""
    c2c_token: ClassVar[str] = C2C_TOKEN
    """The project's Click-to-Call token."""
    host: ClassVar[str] = "fabric.test"
    """The host for clients; no name of the network."""

    def __init__(self, clock: Clock | None = None, *, cluster: str | None = None) -> None:
        super().__init__(self.answer)
        self.clock: Clock = FakeClock() if clock is None else clock
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self._rules = TokenRules(self.clock, cluster)
        self._script: deque[Callable[[], httpx.Response | None]] = deque()
        self._lost = 0
        self._truncated = 0
        self._lock = threading.Lock()

    # Clients.

    def client(self, request_options: RequestOptions | None = None) -> RestClient:
        """Make a client of this service: its clock, and no jitter."""
        return RestClient(
            PROJECT,
            API_TOKEN,
            self.host,
            request_options,
            transport=self,
            clock=self.clock,
            entropy=FakeEntropy(0),
        )

    def async_client(self, request_options: RequestOptions | None = None) -> AsyncRestClient:
        """Make a client of this service: its clock, and no jitter."""
        return AsyncRestClient(
            PROJECT,
            API_TOKEN,
            self.host,
            request_options,
            transport=self,
            clock=self.clock,
            entropy=FakeEntropy(0),
        )

    def serve(self) -> AbstractContextManager[str]:
        """Serve it on a free port of 127.0.0.1 by http; `with` yields the host with its port."""
        return serve(self.answer)

    # Faults of the service and the network.

    def lose_answer(self, times: int = 1) -> None:
        """The next requests are processed, and their answers are lost."""
        self._lost += times

    def truncate_answer(self, times: int = 1) -> None:
        """The next requests are processed, and 40 bytes of their answers arrive."""
        self._truncated += times

    def refuse(self, status: int, times: int = 1, headers: dict[str, str] | None = None) -> None:
        """The next requests are answered with this status, and not processed."""
        answer = {"error": "refused on demand"}
        self._script.extend([lambda: self._response(status, answer, headers)] * times)

    def disconnect(self, times: int = 1) -> None:
        """The next requests do not arrive."""
        self._script.extend([_unreachable] * times)

    def let_pass(self, times: int = 1) -> None:
        """The next requests are processed as usual: call it before `refuse` or `disconnect`."""
        self._script.extend([lambda: None] * times)

    def end_faults(self) -> None:
        """All further requests are processed and answered as usual."""
        self._script.clear()
        self._lost = self._truncated = 0

    def revoke_sessions(self) -> None:
        """Revoke all sessions, and their tokens with them."""
        for session in self._rules.sessions:
            session.revoked = True

    # Settings.

    @property
    def lifetime(self) -> float:
        """Seconds that a subscriber's access token lives; 7200 unless set."""
        return self._rules.lifetime

    @lifetime.setter
    def lifetime(self, seconds: float) -> None:
        self._rules.lifetime = seconds

    @property
    def bound_lifetime(self) -> float:
        """The most seconds that a Client Bound SAT lives; 900 unless set."""
        return self._rules.bound_lifetime

    @bound_lifetime.setter
    def bound_lifetime(self, seconds: float) -> None:
        self._rules.bound_lifetime = seconds

    @property
    def clock_offset(self) -> float:
        """Seconds that the service's clock is ahead of `clock`; 0 unless set."""
        return self._rules.clock_offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self._rules.clock_offset = seconds

    @property
    def dpop_nonce(self) -> str | None:
        """The nonce that proofs must carry (RFC 9449, section 8); `None`, the default, for none."""
        return self._rules.dpop_nonce

    @dpop_nonce.setter
    def dpop_nonce(self, nonce: str | None) -> None:
        self._rules.dpop_nonce = nonce

    # What happened.

    @property
    def history(self) -> list[tuple[str, int]]:
        """What was decided, in order: an event and the generation that it led to.

        The events are `created`, `rotated`, `replayed` (0: a creation with its idempotency
        key), `reuse` (which revokes the session), `embedded`, `bound` and `renewed`.
        """
        return self._rules.history

    def count(self, event: str) -> int:
        """How often an event is in `history`."""
        return sum(1 for name, _ in self.history if name == event)

    def now(self) -> float:
        """The service's time in seconds since the epoch."""
        return self._rules.now()

    def accepts(self, token: str) -> bool:
        """Use an access token as a resource server would; whether it is valid."""
        return self._rules.accepts(token)

    # The transport.

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a request whose content has been read. Threads may call it.

        Raises:
            httpx.TransportError: A fault was asked for.
        """
        with self._lock:
            self.requests.append((request.method, request.url.path))
            self.bodies.append(json.loads(request.content) if request.content else {})
            scripted = self._script.popleft()() if self._script else None
            if scripted is not None:
                return scripted
            response = self._decide(request)
            if self._lost:
                self._lost -= 1
                raise httpx.ReadError("the connection was lost")
            if self._truncated:
                self._truncated -= 1
                return httpx.Response(
                    response.status_code, headers=response.headers, content=response.content[:40]
                )
            return response

    def _decide(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._response(*self._rules.answer(request, self.bodies[-1]))
        except Refused as refused:
            asked = {"www-authenticate": 'DPoP error="use_dpop_nonce"'}
            headers = asked if refused.message == "nonce" else None
            return self._response(refused.status, _error(refused), headers)

    def _response(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> httpx.Response:
        named = {"date": formatdate(self.now(), usegmt=True), "x-request-id": "req-1"}
        if self.dpop_nonce is not None:
            named["dpop-nonce"] = self.dpop_nonce
        return httpx.Response(status, headers=named | (headers or {}), json=body)

    def __repr__(self) -> str:
        return f"<FakeTokenService, {len(self.requests)} requests>"


def _unreachable() -> httpx.Response:
    raise httpx.ConnectError("the service is unreachable")


def _error(refused: Refused) -> dict[str, Any]:
    if refused.status != 422:
        return {"error": {401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}[refused.status]}
    entry = {
        "type": "validation_error",
        "code": refused.code,
        "message": refused.message,
        "attribute": (
            "Idempotency-Key" if str(refused.code).startswith("idempotency") else "refresh_token"
        ),
        "url": "https://example.test/errors",
    }
    return {"errors": [entry]}
