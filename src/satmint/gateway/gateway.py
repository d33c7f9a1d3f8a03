"""The gateway: an ASGI application for WebSockets, and its periodic tasks.

Each connection's task reads a frame and answers it before it reads the next. Three tasks serve all
connections of the process: the sweep delivers ticks, the `RevocationWatcher` closes revoked
sessions, the `PresenceTracker` renews leases.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from satmint.flows.live import (
    COUNTED_CAUSES,
    Credentials,
    open_live_session,
    reauthenticate_live_session,
    resume_live_session,
)
from satmint.flows.revocation_hub import RevocationHub
from satmint.flows.service_context import ServiceContext
from satmint.gateway.client_socket import ClientSocket, origin_of
from satmint.gateway.connection_quotas import ConnectionQuotas
from satmint.gateway.metrics import GatewayMetrics, Limits
from satmint.gateway.pacing import MAX_AUTHENTICATIONS, paced
from satmint.gateway.presence_tracker import FLUSH_INTERVAL_SECONDS, PresenceTracker
from satmint.gateway.protocol import (
    Admitted,
    Authenticate,
    ClockReading,
    Close,
    Connect,
    CountRequest,
    DenialReason,
    Denied,
    Effect,
    GoOffline,
    GoOnline,
    Input,
    Phase,
    Reauthenticate,
    Received,
    ReceivedBytes,
    SendState,
    ServerStopping,
    SessionRevoked,
    SocketLost,
    Tick,
    error_of_denial,
    state_event,
    step,
)
from satmint.gateway.protocol import Send as SendFrame
from satmint.gateway.revocation_watcher import POLL_SECONDS, RevocationWatcher, next_recheck_at
from satmint.gateway.unauthenticated import UnauthenticatedSockets
from satmint.model.live import Admission
from satmint.model.rate_limiter import network_of
from satmint.model.refusals import StoreUnavailable, Unauthorized

_SWEEP_INTERVAL_SECONDS: Final = 0.5
AUTHENTICATE_SECONDS: Final = 3.5
"""How long an authentication is retried while the store is unavailable: the SDK waits for 5 s."""
_RETRY_SECONDS: Final = 0.2
_SHUTDOWN_SECONDS: Final = 0.4
_CLIENT_CLOSE_CODES: Final = frozenset({1000, 1001, 1005, 1006, 1007, 1008, 1009})

AuthenticationAttempt = Connect | Reauthenticate


class Gateway:
    """The live sessions of this process."""

    def __init__(
        self,
        services: ServiceContext,
        limits: Limits,
        metrics: GatewayMetrics,
        monotonic: Callable[[], float] | None = None,
        incarnation: UUID | None = None,
    ) -> None:
        """Prepare to accept connections on the running event loop.

        Args:
            services: The services of this process.
            limits: Connection and rate limits.
            metrics: The counters to update.
            monotonic: A monotonic clock, in seconds; the event loop's by default.
            incarnation: That of the database; by default, a new one.
        """
        self._services = services
        self._limits = limits
        self._metrics = metrics
        self._monotonic = monotonic or asyncio.get_running_loop().time
        self._sockets: set[ClientSocket] = set()
        self._by_network: Counter[str] = Counter()
        self._unauthenticated = UnauthenticatedSockets(limits)
        self._quotas = ConnectionQuotas(limits)
        self._authentications = asyncio.Semaphore(MAX_AUTHENTICATIONS)
        self._stopping = False
        self._empty = asyncio.Event()
        self._log = structlog.get_logger("satmint.gateway")
        self.revocation_hub = RevocationHub(
            services, incarnation or services.new_id(), self._monotonic
        )
        self.revocations = RevocationWatcher(
            services, self._sockets, self._end_session, self._monotonic, self.revocation_hub
        )
        self.presence = PresenceTracker(services, self._monotonic)

    # Connections

    def rejects(self, address: str) -> bool:
        """Whether an upgrade from `address` must be rejected.

        Only a rejected upgrade makes an SDK back off.
        """
        network = network_of(address)
        return (
            self._stopping
            or self.revocations.store_is_down
            or len(self._sockets) >= self._limits.connections
            or self._by_network[network] >= self._limits.per_address
            or self._unauthenticated.limit_reached(network)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket, from its upgrade to its close (ASGI 3)."""
        await receive()
        connection = self._services.new_id()
        socket = ClientSocket(connection, origin_of(scope, connection), send, self._now())
        self._sockets.add(socket)
        network = network_of(socket.origin.address)
        self._by_network[network] += 1
        self._unauthenticated.add(socket, network)
        self._metrics.connections += 1
        try:
            await send({"type": "websocket.accept"})
            await self._serve(socket, receive)
        except OSError:
            pass  # the client disconnected during the upgrade
        finally:
            self._apply(socket, SocketLost())
            self._forget(socket)

    async def _serve(self, socket: ClientSocket, receive: Receive) -> None:
        """Process frames until the client disconnects."""
        second, count = 0, 0
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self._on_disconnect(socket, message.get("code", 1005))
                return
            now = self._monotonic()
            if int(now) != second:
                second, count = int(now), 0
            count += 1
            if count > self._limits.requests_per_second:
                await asyncio.sleep(second + 1 - now)
            text = message.get("text")
            attempt = self._apply(socket, ReceivedBytes() if text is None else Received(text))
            if attempt is not None:
                await self._admit(socket, attempt)
            await socket.flushed()

    async def _admit(self, socket: ClientSocket, attempt: AuthenticationAttempt) -> None:
        """Check credentials and apply the result to the connection."""
        polls = self.revocations.polls
        verdict = await self._decide(socket, attempt)
        self._apply(socket, verdict)
        if polls != self.revocations.polls:
            # A revocation may have arrived before this connection was known to be affected.
            self.revocations.recheck(socket)

    async def _decide(
        self, socket: ClientSocket, attempt: AuthenticationAttempt
    ) -> Admitted | Denied:
        kind = _kind_of(attempt)
        reason, rate_limited = DenialReason.REFUSED, False
        try:
            async with asyncio.timeout(AUTHENTICATE_SECONDS), self._authentications:
                verdict = await self._authenticate(socket, attempt)
            cause = self._quotas.refusal(verdict.admission, socket.admission)
            if cause is None:
                self._metrics.connects[kind, "ok"] += 1
                self._log_admitted(socket, kind, verdict.admission)
                return verdict
            reason = DenialReason.FULL
        except Unauthorized as refusal:
            cause = refusal.cause
            rate_limited = (
                cause not in COUNTED_CAUSES
                and not self._services.limits.try_count_failure(socket.origin.address)
            )
        except TimeoutError:
            reason, cause = DenialReason.UNAVAILABLE, "store"
            self.revocations.note_store_down()
        except Exception:  # noqa: BLE001 - a bug closes no connection and leaks no detail
            self._log.exception("failed", connection=str(socket.id), kind=kind)
            reason, cause = DenialReason.UNAVAILABLE, "bug"
        self._metrics.connects[kind, cause] += 1
        if rate_limited:
            # Valid credentials of this address are still accepted; guesses are slow, not logged.
            await asyncio.sleep(self._limits.refusal_delay_seconds)
            return Denied(reason)
        self._log.info(
            "refused",
            connection=str(socket.id),
            kind=kind,
            code=error_of_denial(reason, resumes=kind == "resume").code,
            cause=cause,
            request_id=socket.origin.request_id,
            address=socket.origin.address,
        )
        return Denied(reason)

    async def _authenticate(self, socket: ClientSocket, attempt: AuthenticationAttempt) -> Admitted:
        """Retry while the store is unavailable; the caller sets the time limit."""
        credentials = Credentials(attempt.token.reveal(), attempt.proof, socket.id, socket.origin)
        while True:
            try:
                match attempt:
                    case Reauthenticate(current=current):
                        return Admitted(
                            await reauthenticate_live_session(self._services, credentials, current)
                        )
                    case Connect(state=None):
                        return Admitted(await open_live_session(self._services, credentials))
                    case Connect(state=str(state), protocol=protocol):
                        return Admitted(
                            *await resume_live_session(self._services, credentials, state, protocol)
                        )
            except StoreUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)

    # Inputs and effects

    def _apply(self, socket: ClientSocket, input_: Input) -> AuthenticationAttempt | None:
        """Apply an input to a connection; returns the credentials to authenticate, if any."""
        at, previous = self._now(), socket.admission
        socket.connection, effects = step(socket.connection, input_, at)
        attempt = None
        for effect in effects:
            if isinstance(effect, Authenticate):
                attempt = effect.attempt
            else:
                self._perform(socket, effect, at)
        if socket.admission is not previous:
            self._quotas.update(previous, socket.admission)
        if previous is None and socket.admission is not None:
            self._metrics.sessions += 1
            self._unauthenticated.discard(socket)
            socket.recheck_at = next_recheck_at(at.monotonic)
        elif previous is not None and socket.admission is None:
            self._metrics.sessions -= 1
        socket.flush()
        return attempt

    def _perform(self, socket: ClientSocket, effect: Effect, at: ClockReading) -> None:
        match effect:
            case SendFrame():
                socket.put(effect)
            case Close(code=code):
                self._metrics.closes[str(int(code))] += 1
                self._log_close("closed", socket, int(code))
                socket.put(effect)
            case SendState(state=state, event_id=event_id):
                sealed = self._services.state_cipher.seal(state)
                socket.put(SendFrame(state_event(event_id, state.protocol, sealed, at.wall)))
            case GoOnline():
                self.presence.go_online(socket)
            case GoOffline():
                self.presence.go_offline(socket)
            case CountRequest(method=method):
                self._metrics.requests[method] += 1

    def _end_session(self, socket: ClientSocket) -> None:
        self._apply(socket, SessionRevoked())

    def _on_disconnect(self, socket: ClientSocket, code: int) -> None:
        """Record that the client closed. A close by the server is recorded already."""
        if socket.connection.phase is Phase.CLOSED:
            return
        self._metrics.closes[str(code) if code in _CLIENT_CLOSE_CODES else "other"] += 1
        # Unauthenticated sockets cost their client nothing, so they are counted, not logged.
        if socket not in self._unauthenticated:
            self._log_close("closed_by_client", socket, code)

    def _forget(self, socket: ClientSocket) -> None:
        self._sockets.discard(socket)
        self._unauthenticated.discard(socket)
        self._metrics.connections -= 1
        network = network_of(socket.origin.address)
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]
        if not self._sockets:
            self._empty.set()

    def _log_close(self, event: str, socket: ClientSocket, code: int) -> None:
        request_id = socket.origin.request_id
        address = socket.origin.address
        self._log.info(
            event, connection=str(socket.id), code=code, request_id=request_id, address=address
        )

    def _log_admitted(self, socket: ClientSocket, kind: str, admission: Admission) -> None:
        self._log.info(
            "admitted",
            connection=str(socket.id),
            kind=kind,
            request_id=socket.origin.request_id,
            project=str(admission.project),
            subscriber=str(admission.subscriber),
            session=str(admission.session),
            bound=admission.jkt is not None,
        )

    # Periodic tasks

    async def run(self) -> None:
        """Deliver ticks, watch for revocations and renew leases, until cancelled."""
        revocation_hint = asyncio.Event()
        self._services.store.on_revocation(revocation_hint.set)
        await asyncio.gather(
            self._repeat(self._sweep, _SWEEP_INTERVAL_SECONDS),
            self._repeat(self.revocations.poll, POLL_SECONDS, revocation_hint),
            self._repeat(self.presence.flush, FLUSH_INTERVAL_SECONDS),
        )

    async def _repeat(
        self,
        work: Callable[[], Awaitable[None]],
        seconds: float,
        wake_up: asyncio.Event | None = None,
    ) -> None:
        """Call `work` every `seconds`, and whenever `wake_up` is set."""
        wake_up = wake_up or asyncio.Event()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await wake_up.wait()
            wake_up.clear()
            try:
                await work()
            except Exception:  # noqa: BLE001 - a bug in one round must not end the task
                self._log.exception("failed")

    async def _sweep(self) -> None:
        self.sweep()

    def sweep(self) -> None:
        """Deliver a `Tick` to every connection on which it has an effect."""
        at = self._now()
        for socket in tuple(self._sockets):
            if socket.connection.due(at):
                self._apply(socket, Tick())

    def shorten_session(self, session: UUID, at: int) -> None:
        """Expire a session's connections at `at` (Unix seconds) unless they expire earlier.

        For development servers, whose control endpoint can make a token expire early.
        """
        for socket in self._sockets:
            admission, connection = socket.admission, socket.connection
            if (
                admission is not None
                and admission.session == session
                and at < connection.expires_at
            ):
                socket.connection = msgspec.structs.replace(connection, expires_at=at)

    async def stop(self) -> None:
        """Reject new clients, ask clients to reconnect elsewhere, and wait for them briefly."""
        self._stopping = True
        self._empty.clear()
        async for socket in paced(self._sockets):
            self._apply(socket, ServerStopping())
        try:
            async with asyncio.timeout(_SHUTDOWN_SECONDS):
                if self._sockets:
                    await self._empty.wait()
                await self.presence.flush()
        except TimeoutError:
            self._log.warning("stop_timed_out", connections=len(self._sockets))

    def _now(self) -> ClockReading:
        return ClockReading(self._services.clock.now(), self._monotonic())


def _kind_of(attempt: AuthenticationAttempt) -> str:
    if isinstance(attempt, Reauthenticate):
        return "reauthenticate"
    return "resume" if attempt.resumes else "connect"
