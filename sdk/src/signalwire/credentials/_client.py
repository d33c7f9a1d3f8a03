"""The door to a live session on the gateway."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from signalwire._ambient import Clock, Entropy, fraction
from signalwire._forks import renew_in_children
from signalwire.credentials._client_events import ClientEvent, Connected, Disconnected, line_of
from signalwire.credentials._client_state import ClientState, state_of
from signalwire.credentials._cluster import gateway_host
from signalwire.credentials._connection import Connection
from signalwire.credentials._events import EventLog, Refreshed
from signalwire.credentials._flight import within
from signalwire.credentials._gateway import (
    GatewayTransport,
    UpgradeRefused,
    WebSockets,
)
from signalwire.credentials._line import Line, Phase
from signalwire.credentials._line_words import (
    Begin,
    Dial,
    Effect,
    Fresh,
    HangUp,
    Happening,
    Leave,
    Opened,
    PresenceRefused,
    Send,
    SessionGone,
    Tell,
    Tick,
    Unopened,
    Want,
)
from signalwire.credentials._session import MAX_WAIT, CredentialSession
from signalwire.credentials._verdict import describe
from signalwire.credentials.errors import (
    GatewayError,
    GatewayUnreachable,
    InvalidCredential,
    SessionClosed,
)
from signalwire.rest._place import Place, locate

SILENCE: Final = 20.0
_OPEN_LIMIT: Final = 15.0
_SKEW: Final = 30.0


class SessionClient:
    """A credential session that is live on the gateway: connected, and online if wished.

    Example:
        async with CredentialSession(provider) as session, SessionClient(session) as client:
            await client.online()

    It connects again whenever the connection breaks, and goes on with the same session then; it
    shows the gateway every credential that the session gets. It needs the extra `gateway`
    (`websockets`), and belongs to the event loop of its session.

    Args:
        session: An open session. It stays yours to close, after this.
        host: Host of the gateway, with or without port; read from the token's `ch` header if
            absent, as the browser SDK does. Schemes and `SIGNALWIRE_REST_CA_FILE` as for
            `RestClient`, with `wss` in place of `https`.
        silence: Seconds without a word from the gateway after which it is taken for dead. satmint
            sends a ping every 9 s.
        max_wait: Seconds that `open` may take.
        transport: Opens the WebSockets in place of the network.
        clock: Tells the time and waits; that of the session if absent.
        entropy: Spreads what would happen at the same moment; that of the session if absent.

    Raises:
        ImportError: `websockets` is missing.
        ValueError: `host` is no host.
    """

    def __init__(
        self,
        session: CredentialSession,
        *,
        host: str | None = None,
        silence: float = SILENCE,
        max_wait: float = MAX_WAIT,
        transport: GatewayTransport | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        self._session = session
        self._host = None if host is None else locate(host)
        self._max_wait = max_wait
        self._clock: Clock = session._clock if clock is None else clock
        self._entropy: Entropy = session._entropy if entropy is None else entropy
        self._transport = WebSockets(self._clock) if transport is None else transport
        self._log: EventLog[ClientEvent] = EventLog(line_of)
        self._line = Line(sign=self._sign, draw=lambda: fraction(self._entropy), silence=silence)
        self._inbox: deque[Happening] = deque()
        self._news = asyncio.Event()
        self._seen: str | None = None
        self._skew: float | None = None
        self._trouble: Disconnected | None = None
        self._running: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._was_connected = False
        self._dialling: asyncio.Task[None] | None = None
        self._connections: dict[int, Connection] = {}
        self._hanging_up: set[asyncio.Task[None]] = set()
        self._wishes: list[tuple[bool, asyncio.Future[None]]] = []
        self._inherited = False
        renew_in_children(self)

    # Opening and closing.

    async def open(self) -> None:
        """Connect, and stay connected from now on. `async with` does the same.

        Raises:
            GatewayUnreachable: There was no connection within `max_wait`.
            GatewayRefused: The gateway does not accept the credential, nor another one.
            SessionRevoked: The session was ended by whoever may do so.
            CredentialExpired: The credential is at its end, and nothing can replace it.
            InvalidCredential: The token names no gateway, and no `host` was given.
            SessionClosed: The session is not open, or the client was opened before.
            ValueError: `SIGNALWIRE_REST_CA_FILE` names no file.
        """
        if self._running is not None or self._inherited:
            raise SessionClosed("a session client is opened once")
        self._seen = self._session.credential.token
        self._running = asyncio.ensure_future(self._run())
        try:
            await self._first_of(self._settled.wait(), self._max_wait)
        except BaseException:
            await self.close()
            raise
        if self._line.error is None and self._was_connected:
            return
        error = self._line.error or GatewayUnreachable(
            f"no connection to the gateway within {self._max_wait:g} s"
            + ("" if self._trouble is None else f": {self._trouble.detail}")
        )
        await self.close()
        raise error

    async def close(self) -> None:
        """Go offline if online, and close the connection. A second time does nothing.

        The gateway gets 2 s to confirm. Who waits in `online` or `offline` gets `SessionClosed`.
        """
        if self._inherited:
            return
        if self._running is None:
            self._log.end()
            return
        self._feed(Leave())
        self._news.set()
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

    # What one may ask for.

    @property
    def state(self) -> ClientState:
        """How things are now. It never changes: ask again."""
        return state_of(self._line)

    def events(self) -> AsyncIterator[ClientEvent]:
        """Read what happens, from the beginning: `Connected`, `Disconnected`, `Ended` and others.

        Every caller gets a reader of its own, to be used in the session's event loop. It keeps the
        last 256 events, and ends after `Ended`, or when the client is closed.
        """
        return self._log.stream()

    async def online(self) -> None:
        """Be reachable here, on this connection and on those after it. Waits until it is so.

        Raises:
            GatewayRefused: The gateway does not want that.
            GatewayError: `offline` was called meanwhile.
            SessionClosed: The client is closed, or not open.
            Exception: What ended it: see `open`.
        """
        await self._want(online=True)

    async def offline(self) -> None:
        """Be reachable here no more. The connection stays. Errors as in `online`."""
        await self._want(online=False)

    # How it is done.

    async def _want(self, *, online: bool) -> None:
        if self._running is None or self._inherited:
            raise SessionClosed("the session client is not open")
        self._feed(Want(online))
        self._news.set()
        wish: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wishes.append((online, wish))
        self._settle_wishes()
        await wish

    async def _run(self) -> None:
        watching = asyncio.ensure_future(self._watch())
        try:
            self._feed(Begin())
            while self._line.phase is not Phase.OVER:
                self._feed(await self._next())
        finally:
            ending = {watching} if self._dialling is None else {watching, self._dialling}
            for task in ending:
                task.cancel()
            for serial in list(self._connections):
                self._hang_up(serial)
            await asyncio.wait(ending | self._hanging_up)
            self._log.end()
            self._settled.set()
            self._settle_wishes()
            for _, wish in self._wishes:  # none is left, unless this task was cancelled
                wish.cancel()

    async def _next(self) -> Happening:
        """Wait for what happens next, or for the time that something is due."""
        self._look_at_session()
        if not self._inbox:
            self._news.clear()
            wake_at = self._line.wake_at
            rest = None if wake_at is None else wake_at - self._clock.now().mono
            await self._first_of(self._news.wait(), rest)
        return self._inbox.popleft() if self._inbox else Tick()

    def _push(self, happening: Happening) -> None:
        self._inbox.append(happening)
        self._news.set()

    def _feed(self, happening: Happening) -> None:
        for effect in self._line.feed(happening, self._clock.now().mono):
            self._do(effect)
        self._settle_wishes()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Dial(serial, refused):
                self._dialling = asyncio.ensure_future(self._dial(serial, refused))
            case Send(serial, text):
                self._connections[serial].outbox.put_nowait(text)
            case HangUp(serial):
                if self._dialling is not None:
                    self._dialling.cancel()
                self._hang_up(serial)
            case Tell(event):
                self._log.emit(event)
                if isinstance(event, Disconnected):
                    self._trouble = event
                if isinstance(event, Connected):
                    self._was_connected = True
                    self._settled.set()
            case PresenceRefused(error):
                for _, wish in self._wishes:
                    if not wish.done():
                        wish.set_exception(error)

    def _settle_wishes(self) -> None:
        """Tell those who wait to go online or offline what came of it."""
        line = self._line
        self._wishes = [(online, wish) for online, wish in self._wishes if not wish.done()]
        for online, wish in self._wishes:
            if line.phase is Phase.OVER:
                wish.set_exception(line.error or SessionClosed("the session client is closed"))
            elif line.wanted is not online:
                wish.set_exception(GatewayError("another call wished for the opposite"))
            elif line.is_so(online=online):
                wish.set_result(None)

    # The session.

    async def _watch(self) -> None:
        async for event in self._session.events():
            if isinstance(event, Refreshed):
                self._look_at_session()
        self._push(SessionGone())

    def _look_at_session(self) -> None:
        """See whether there is another token, which a new sign-in does not tell about."""
        with contextlib.suppress(SessionClosed):  # the end of its events says so
            token = self._session.credential.token
            if token != self._seen:
                self._seen = token
                self._push(Fresh(token))

    def _sign(self, method: str) -> str:
        wall = self._clock.now().wall
        skew = self._skew
        if skew is None or abs(skew) <= _SKEW:
            skew = 0.0
            with contextlib.suppress(SessionClosed):  # the end of its events says so
                skew = self._session.stats.skew or 0.0
        return self._session.key.rpc_proof(method, issued_at=int(wall + skew))

    # The socket.

    async def _dial(self, serial: int, refused: str | None) -> None:
        try:
            token = await self._token(refused)
            place = self._place(token)
        except Exception as error:  # noqa: BLE001 - a session passes on what a provider raises
            self._push(Unopened(serial, "no_credential", describe(error), final=self._final(error)))
            return
        try:
            connecting = self._transport.connect(place)
            socket = await within(self._clock, _OPEN_LIMIT, connecting)
        except UpgradeRefused as busy:
            detail = describe(busy)
            self._push(Unopened(serial, f"http_{busy.status}", detail, busy.not_before))
        except Exception as error:  # noqa: BLE001 - bad TLS, bad proxies, bad servers: all may pass
            late = isinstance(error, TimeoutError)
            self._push(Unopened(serial, "timeout" if late else "unreachable", describe(error)))
        else:
            if socket.server_date is not None:
                self._skew = socket.server_date - self._clock.now().wall
            self._connections[serial] = Connection(serial, socket, self._push)
            self._push(Opened(serial, token))
            self._seen = None  # what came while it was opened must not be taken for older

    async def _token(self, refused: str | None) -> str:
        if refused is None:
            return await self._session.token()
        return await self._session.renew(refused)

    def _place(self, token: str) -> Place:
        if self._host is not None:
            return self._host
        host = gateway_host(token)
        if host is None:
            raise InvalidCredential("the token names no gateway (it has no `ch`): give a host")
        return locate(host)

    def _final(self, error: Exception) -> Exception | None:
        """Whether another attempt is useless.

        The session is closed, or nothing is armed in it; or the token names no gateway, or
        `SIGNALWIRE_REST_CA_FILE` no file.
        """
        if isinstance(error, SessionClosed | InvalidCredential | ValueError):
            return error
        try:
            return None if self._session.mechanism is not None else error
        except SessionClosed as closed:
            return closed

    def _hang_up(self, serial: int) -> None:
        connection = self._connections.pop(serial, None)
        if connection is not None:
            closing = asyncio.ensure_future(connection.hang_up(self._clock))
            self._hanging_up.add(closing)
            closing.add_done_callback(self._hanging_up.discard)

    async def _first_of(self, event: Coroutine[Any, Any, Any], seconds: float | None) -> None:
        """Wait for an event, for so many seconds at most."""
        coming = {asyncio.ensure_future(event)}
        if seconds is not None:
            coming.add(asyncio.ensure_future(self._clock.asleep(max(0.0, seconds))))
        try:
            await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in coming:
                one.cancel()

    def renew_after_fork(self) -> None:
        """Leave the connection to the parent, and do not even close it: it is shared."""
        self._inherited = True

    def __repr__(self) -> str:
        return f"<SessionClient of {self._session!r}, {self.state.phase}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session client cannot be pickled: open one where it is needed")
