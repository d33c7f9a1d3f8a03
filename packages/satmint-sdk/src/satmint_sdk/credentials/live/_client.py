"""The client of a live session on the gateway."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final, NoReturn, Self

from satmint_sdk._ambient import Clock, Entropy, fraction
from satmint_sdk._forks import renew_in_children
from satmint_sdk.credentials._events import EventLog, Refreshed
from satmint_sdk.credentials._session import MAX_WAIT, CredentialSession
from satmint_sdk.credentials._waiting import wait_for_event, within
from satmint_sdk.credentials.errors import GatewayUnreachable, InvalidCredential, SessionClosed
from satmint_sdk.credentials.live._client_events import (
    LOG,
    ClientEvent,
    Connected,
    Disconnected,
    Ended,
    log_line,
)
from satmint_sdk.credentials.live._client_socket import ClientSocket
from satmint_sdk.credentials.live._client_state import ClientState, state_of
from satmint_sdk.credentials.live._connection_state import ConnectionState
from satmint_sdk.credentials.live._inputs import (
    Close,
    CloseSocket,
    Effect,
    Emit,
    Input,
    Open,
    OpenSocket,
    PresenceRefused,
    Send,
    SessionEnded,
    SetPresence,
    SignedIn,
    SocketFailed,
    SocketOpened,
    Tick,
    TokenReplaced,
)
from satmint_sdk.credentials.live._phase import Phase
from satmint_sdk.credentials.live._presence import PresenceWaiters
from satmint_sdk.credentials.live._transport import (
    GatewayTransport,
    UpgradeRefused,
    WebSockets,
    gateway_of,
)
from satmint_sdk.credentials.refresh._retry_decision import describe
from satmint_sdk.rest._endpoint import parse_endpoint, user_agent_of

SILENCE: Final = 20.0
_OPEN_LIMIT: Final = 15.0
_SKEW: Final = 30.0


class SessionClient:
    """Connects a credential session to the gateway, and optionally sets it online.

    Example:
        async with CredentialSession(provider) as session, SessionClient(session) as client:
            await client.online()

    It reconnects whenever the connection is lost and resumes the session; it presents every
    refreshed credential to the gateway. After a revocation, or another error that a new credential
    can mend, it connects again when its session signs in again. It needs the extra `gateway`
    (`websockets`), and belongs to the event loop of its session.

    Args:
        session: An open session. The caller closes it, after this client.
        host: Host of the gateway, with or without port; read from the token's `ch` header if
            absent, as the browser SDK does. Schemes and `SIGNALWIRE_REST_CA_FILE` as for
            `RestClient`, with `wss` instead of `https`.
        silence: Seconds without a frame until the connection counts as lost; pings come every 9 s.
        max_wait: Maximum seconds of `open`.
        application: Your program, such as `billing/2.1`, for the `agent` that the gateway is told.
        transport: Replaces the network.
        clock, entropy: The sources of time and of jitter; the session's if absent.

    Raises:
        ImportError: `websockets` is missing.
        ValueError: `host` is not a host, or `application` is not a name.
    """

    def __init__(
        self,
        session: CredentialSession,
        *,
        host: str | None = None,
        silence: float = SILENCE,
        max_wait: float = MAX_WAIT,
        application: str | None = None,
        transport: GatewayTransport | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        self._session = session
        self._host = None if host is None else parse_endpoint(host)
        self._max_wait = max_wait
        self._clock: Clock = session.clock if clock is None else clock
        self._entropy: Entropy = session.entropy if entropy is None else entropy
        self._transport = WebSockets(self._clock) if transport is None else transport
        self._silence, self._agent = silence, user_agent_of(application)
        self._log: EventLog[ClientEvent] = EventLog(session.name, log_line, LOG)
        self._skew: float | None = None
        self._closed = self._forked = False
        self._reset()
        renew_in_children(self)

    def _reset(self) -> None:
        """Begin anew: for the constructor, and for `open` after an error."""
        self._connection = ConnectionState(
            sign=self._sign,
            draw=lambda: fraction(self._entropy),
            silence=self._silence,
            agent=self._agent,
        )
        self._inputs: deque[Input] = deque()
        self._wake = asyncio.Event()
        self._known_token: str | None = None
        self._last_failure: Disconnected | None = None
        self._running: asyncio.Task[None] | None = None
        self._first_result = asyncio.Event()
        self._was_connected = False
        self._opening: asyncio.Task[None] | None = None
        self._sockets: dict[int, ClientSocket] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._waiters = PresenceWaiters()

    async def open(self) -> None:
        """Connect, and stay connected. `async with` does the same.

        After an error it may be called again.

        Raises:
            GatewayUnreachable: There was no connection within `max_wait`.
            GatewayRefused: The gateway refuses the credential, and a second one too.
            SessionRevoked: The session was revoked.
            CredentialExpired: The credential has expired and cannot be refreshed.
            InvalidCredential: The token names no gateway, and no `host` was given.
            CredentialRefused: The gateway refuses the credential, which cannot be replaced.
            SessionClosed: The session is not open, or the client is open or was closed.
            ValueError: `SIGNALWIRE_REST_CA_FILE` does not name a file.
        """
        if self._closed or self._forked or (self._running and not self._running.done()):
            raise SessionClosed("a session client can be opened only once")
        self._reset()
        self._known_token = self._session.credential.token
        self._session._sign_in_listeners.add(self)
        self._running = asyncio.ensure_future(self._run())
        try:
            await wait_for_event(self._clock, self._first_result.wait(), self._max_wait)
        except BaseException:
            await self._stop()
            raise
        if self._connection.error is None and self._was_connected:
            return
        error = self._connection.error or GatewayUnreachable(
            f"no connection to the gateway within {self._max_wait:g} s"
            + ("" if self._last_failure is None else f": {self._last_failure.detail}")
        )
        await self._stop()
        raise error

    async def close(self) -> None:
        """Go offline if online, and close the connection. Idempotent.

        The gateway gets 2 s to confirm. Callers waiting in `online` or `offline` get
        `SessionClosed`.
        """
        if self._forked:
            return
        self._closed = True
        await self._stop()
        self._log.end()

    async def _stop(self) -> None:
        if self._running is None:
            return
        self._process(Close())
        self._wake.set()
        await asyncio.wait({self._running})
        if not self._running.cancelled():
            self._running.result()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def state(self) -> ClientState:
        """The current state, as an immutable snapshot."""
        return state_of(self._connection)

    def events(self) -> AsyncIterator[ClientEvent]:
        """Read the events from the beginning: `Connected`, `Disconnected`, `Ended` and others.

        Every call returns a separate reader, for use in any event loop. It keeps the last 256
        events, and ends when the client or its session is closed.
        """
        return self._log.stream()

    async def online(self) -> None:
        """Go online, on this connection and later ones. Waits for the gateway's confirmation.

        Raises:
            GatewayRefused: The gateway refuses.
            GatewayError: `offline` was called meanwhile.
            SessionClosed: The client is closed, or not open.
            Exception: The error that ended the live session; see `open`.
        """
        await self._set_presence(online=True)

    async def offline(self) -> None:
        """Go offline. The connection stays open. Errors as in `online`."""
        await self._set_presence(online=False)

    # Internals.

    async def _set_presence(self, *, online: bool) -> None:
        if self._running is None or self._forked:
            raise SessionClosed("the session client is not open")
        self._process(SetPresence(online))
        self._wake.set()
        waiter = self._waiters.add(online=online)
        self._waiters.resolve(self._connection)
        await waiter

    async def _run(self) -> None:
        following = asyncio.ensure_future(self._follow_session())
        try:
            self._process(Open())
            while self._connection.phase is not Phase.CLOSED:
                self._process(await self._next())
        finally:
            session_ended = following.done()
            ending = {following} if self._opening is None else {following, self._opening}
            for task in ending:
                task.cancel()
            for serial in list(self._sockets):
                self._close_socket(serial)
            await asyncio.wait(ending | self._closing)
            if session_ended:
                self._log.end()
            self._first_result.set()
            self._waiters.resolve(self._connection)
            self._waiters.cancel()  # only if this task was cancelled

    async def _next(self) -> Input:
        """Wait for the next input, or until a `Tick` is due."""
        self._check_token()
        if not self._inputs:
            self._wake.clear()
            wake_at = self._connection.wake_at
            rest = None if wake_at is None else wake_at - self._clock.now().mono
            await wait_for_event(self._clock, self._wake.wait(), rest)
        return self._inputs.popleft() if self._inputs else Tick()

    def _queue_input(self, input_: Input) -> None:
        self._inputs.append(input_)
        self._wake.set()

    def _process(self, input_: Input) -> None:
        for effect in self._connection.feed(input_, self._clock.now().mono):
            self._perform(effect)
        self._waiters.resolve(self._connection)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case OpenSocket(serial, refused):
                self._opening = asyncio.ensure_future(self._open_socket(serial, refused))
            case Send(serial, text):
                self._sockets[serial].outbox.put_nowait(text)
            case CloseSocket(serial):
                if self._opening is not None:
                    self._opening.cancel()
                self._close_socket(serial)
            case Emit(event):
                self._log.emit(event)
                if isinstance(event, Disconnected):
                    self._last_failure = event
                if isinstance(event, Connected):
                    self._was_connected = True
                if isinstance(event, Connected | Ended):
                    self._first_result.set()
            case PresenceRefused(error):
                self._waiters.fail(error)

    # The session.

    async def _follow_session(self) -> None:
        async for event in self._session.events():
            if isinstance(event, Refreshed):
                self._check_token()
        self._queue_input(SessionEnded())

    def on_sign_in(self, token: str) -> None:
        """See `SignInListener`."""
        if self._running is not None and not self._running.done():
            self._known_token = token
            self._queue_input(SignedIn(token))

    def _check_token(self) -> None:
        """Detect a new token."""
        with contextlib.suppress(SessionClosed):  # reported by the end of its events
            token = self._session.credential.token
            if token != self._known_token:
                self._known_token = token
                self._queue_input(TokenReplaced(token))

    def _sign(self, method: str) -> str:
        wall = self._clock.now().wall
        skew = self._skew
        if skew is None or abs(skew) <= _SKEW:
            skew = 0.0
            with contextlib.suppress(SessionClosed):  # reported by the end of its events
                skew = self._session.stats.skew or 0.0
        return self._session.key.rpc_proof(method, issued_at=int(wall + skew))

    # The socket.

    async def _open_socket(self, serial: int, refused: str | None) -> None:
        try:
            token = await self._token(refused)
            endpoint = self._host or gateway_of(token)
        except Exception as error:  # noqa: BLE001 - a session raises any error of its provider
            final = self._final_error(error)
            self._queue_input(SocketFailed(serial, "no_credential", describe(error), final=final))
            return
        try:
            connecting = self._transport.connect(endpoint)
            socket = await within(self._clock, _OPEN_LIMIT, connecting)
        except UpgradeRefused as busy:
            detail = describe(busy)
            self._queue_input(SocketFailed(serial, f"http_{busy.status}", detail, busy.not_before))
        except Exception as error:  # noqa: BLE001 - TLS, proxy and server errors are all transient
            late = isinstance(error, TimeoutError)
            self._queue_input(
                SocketFailed(serial, "timeout" if late else "unreachable", describe(error))
            )
        else:
            if socket.server_date is not None:
                self._skew = socket.server_date - self._clock.now().wall
            self._sockets[serial] = ClientSocket(serial, socket, self._queue_input)
            self._queue_input(SocketOpened(serial, token))
            self._known_token = None  # a token that arrived meanwhile must count as newer

    async def _token(self, refused: str | None) -> str:
        if refused is None:
            return await self._session.token()
        renewed = self._session.renew(refused)
        del refused  # see `CredentialSession.renew`
        return await renewed

    def _final_error(self, error: Exception) -> Exception | None:
        """The error if another attempt is useless; else None.

        The session is closed or cannot refresh; or the token names no gateway, or
        `SIGNALWIRE_REST_CA_FILE` no file.
        """
        if isinstance(error, SessionClosed | InvalidCredential | ValueError):
            return error
        try:
            return None if self._session.mechanism is not None else error
        except SessionClosed as closed:
            return closed

    def _close_socket(self, serial: int) -> None:
        socket = self._sockets.pop(serial, None)
        if socket is not None:
            closing = asyncio.ensure_future(socket.close(self._clock))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def renew_after_fork(self) -> None:
        """Leave the shared connection to the parent, without closing it."""
        self._forked = True

    def __repr__(self) -> str:
        return f"<SessionClient of {self._session!r}, {self.state.phase}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session client cannot be pickled: open one where it is needed")
