"""The gateway: an ASGI application for WebSockets, and what goes on beside its connections.

A connection's own task reads one frame at a time and answers it before it reads the next. Time is
told to all connections of the process by one sweep, revocations by one watch, presence by one
register.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar
from uuid import UUID

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from satmint.flows.live import (
    COUNTED,
    Credentials,
    failure_counted,
    open_live,
    reauthenticate_live,
    resume_live,
)
from satmint.flows.mint import Mint
from satmint.gateway.figures import Figures, Limits
from satmint.gateway.line import Line
from satmint.gateway.protocol import (
    Admitted,
    Appear,
    Authenticate,
    Close,
    Connect,
    Denied,
    Disappear,
    Effect,
    Ended,
    Event,
    GiveState,
    Gone,
    Moment,
    Passed,
    Reauthenticate,
    Received,
    ReceivedBytes,
    Requested,
    Stage,
    Stopping,
    Why,
    state_event,
    step,
)
from satmint.gateway.protocol import Send as SendFrame
from satmint.gateway.register import FLUSH_EVERY_SECONDS, Register
from satmint.gateway.watch import LOOK_EVERY_SECONDS, Watch, new_deadline
from satmint.model.allowance import network_of
from satmint.model.events import AGENT_LIMIT, Origin
from satmint.model.live import Admission
from satmint.model.refusals import StoreUnavailable, Unauthorized

_SWEEP_EVERY_SECONDS: Final = 0.5
_JUDGE_SECONDS: Final = 3.5
"""How long it is tried to authenticate where the store does not answer: the SDK waits for 5 s."""
_TRY_AGAIN_SECONDS: Final = 0.2
_STOP_SECONDS: Final = 3.0
_CODES_OF_CLIENTS: Final = frozenset({1000, 1001, 1005, 1006, 1007, 1008, 1009})

Attempt = Connect | Reauthenticate
T = TypeVar("T")


class Gateway:
    """Every live session of this process."""

    def __init__(
        self,
        mint: Mint,
        limits: Limits,
        figures: Figures,
        steady: Callable[[], float] | None = None,
    ) -> None:
        """Prepare to take connections, on the running event loop.

        Args:
            mint: The tools.
            limits: How much it takes on.
            figures: Where it counts.
            steady: Seconds by a clock that nobody can set; the event loop's by default.
        """
        self._mint = mint
        self._limits = limits
        self._figures = figures
        self._steady = steady or asyncio.get_running_loop().time
        self._lines: set[Line] = set()
        self._by_network: Counter[str] = Counter()
        self._by_project: Counter[UUID] = Counter()
        self._stopping = False
        self._empty = asyncio.Event()
        self._log = structlog.get_logger("satmint.gateway")
        self.watch = Watch(mint, self._lines, self._end, self._steady)
        self.register = Register(mint, self._steady)

    # One connection

    def sheds(self, address: str) -> bool:
        """Whether a client at `address` is to be turned away before its upgrade.

        That is the one way to be rid of an SDK for a while: then it backs off.
        """
        return (
            self._stopping
            or self.watch.store_is_down
            or len(self._lines) >= self._limits.connections
            or self._by_network[network_of(address)] >= self._limits.per_address
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket from its upgrade to its end (ASGI 3)."""
        await receive()
        connection = self._mint.new_id()
        line = Line(connection, _origin_of(scope, connection), send, self._now())
        self._lines.add(line)
        self._by_network[network_of(line.origin.address)] += 1
        self._figures.connections += 1
        try:
            await send({"type": "websocket.accept"})
            await self._talk(line, receive)
        except OSError:
            pass  # it went before it had come
        finally:
            self._happens(line, Gone())
            self._forget(line)

    async def _talk(self, line: Line, receive: Receive) -> None:
        """Read frame after frame until there is no more."""
        second, count = 0, 0
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self._hung_up(line, message.get("code", 1005))
                return
            now = self._steady()
            if int(now) != second:
                second, count = int(now), 0
            count += 1
            if count > self._limits.requests_per_second:
                await asyncio.sleep(second + 1 - now)
            text = message.get("text")
            attempt = self._happens(line, ReceivedBytes() if text is None else Received(text))
            if attempt is not None:
                await self._judge(line, attempt)
            await line.flushed()

    async def _judge(self, line: Line, attempt: Attempt) -> None:
        """Find out whether credentials are good, and let the connection know."""
        looks = self.watch.looks
        verdict = await self._verdict(line, attempt)
        self._happens(line, verdict)
        if looks != self.watch.looks:
            # A revocation may have come in while nobody knew yet that this one is concerned.
            self.watch.doubt(line)

    async def _verdict(self, line: Line, attempt: Attempt) -> Admitted | Denied:
        kind = _kind_of(attempt)
        why, quiet = Why.REFUSED, False
        try:
            async with asyncio.timeout(_JUDGE_SECONDS):
                verdict = await self._authenticate(line, attempt)
            cause = self._too_many(verdict, attempt)
            if cause is None:
                self._figures.connects[kind, "ok"] += 1
                self._tell_admitted(line, kind, verdict.admission)
                return verdict
            why = Why.FULL
        except Unauthorized as refusal:
            cause = refusal.cause
            quiet = cause not in COUNTED and not failure_counted(self._mint, line.origin)
        except TimeoutError:
            why, cause = Why.UNAVAILABLE, "store"
            self.watch.trouble()
        except Exception:  # noqa: BLE001 - a bug ends no connection, and tells nobody anything
            self._log.exception("failed", connection=str(line.id), kind=kind)
            why, cause = Why.UNAVAILABLE, "bug"
        self._figures.connects[kind, cause] += 1
        if quiet:
            # Good credentials from there are taken all the same; guessing is slow and unheard.
            await asyncio.sleep(self._limits.guessing_seconds)
            return Denied(why)
        self._log.info(
            "refused",
            connection=str(line.id),
            kind=kind,
            cause=cause,
            request_id=line.origin.request_id,
            address=line.origin.address,
        )
        return Denied(why)

    async def _authenticate(self, line: Line, attempt: Attempt) -> Admitted:
        """Ask until there is an answer; whoever calls sets a limit to that."""
        given = Credentials(attempt.token.reveal(), attempt.proof, line.id, line.origin)
        while True:
            try:
                match attempt:
                    case Reauthenticate(current=current):
                        return Admitted(await reauthenticate_live(self._mint, given, current))
                    case Connect(state=None):
                        return Admitted(await open_live(self._mint, given))
                    case Connect(state=str(state), protocol=protocol):
                        return Admitted(*await resume_live(self._mint, given, state, protocol))
            except StoreUnavailable:
                await asyncio.sleep(_TRY_AGAIN_SECONDS)

    def _too_many(self, verdict: Admitted, attempt: Attempt) -> str | None:
        if isinstance(attempt, Reauthenticate):
            return None
        full = self._by_project[verdict.admission.project] >= self._limits.per_project
        return "too_many_connections" if full else None

    # What happens to connections, and what is done about it

    def _happens(self, line: Line, event: Event) -> Attempt | None:
        """Let `event` happen; returns what has to be authenticated now."""
        at, former = self._now(), line.lives
        line.connection, effects = step(line.connection, event, at)
        attempt = None
        for effect in effects:
            if isinstance(effect, Authenticate):
                attempt = effect.attempt
            else:
                self._carry_out(line, effect, at)
        if former is None and line.lives is not None:
            self._figures.sessions += 1
            self._by_project[line.lives.project] += 1
            line.judge_again_at = new_deadline(at.steady)
        elif former is not None and line.lives is None:
            self._figures.sessions -= 1
            _one_less(self._by_project, former.project)
        line.flush()
        return attempt

    def _carry_out(self, line: Line, effect: Effect, at: Moment) -> None:
        match effect:
            case SendFrame():
                line.put(effect)
            case Close(code=code):
                self._figures.closes[str(int(code))] += 1
                self._tell_closed("closed", line, int(code))
                line.put(effect)
            case GiveState(state=state, event_id=event_id):
                sealed = self._mint.states.seal(state)
                line.put(SendFrame(state_event(event_id, state.protocol, sealed, at.wall)))
            case Appear():
                self.register.appear(line)
            case Disappear():
                self.register.disappear(line)
            case Requested(method=method):
                self._figures.requests[method] += 1

    def _end(self, line: Line) -> None:
        self._happens(line, Ended())

    def _hung_up(self, line: Line, code: int) -> None:
        """The client closed; where we did, that is counted and told already."""
        if line.connection.stage is Stage.OVER:
            return
        self._figures.closes[str(code) if code in _CODES_OF_CLIENTS else "other"] += 1
        self._tell_closed("hung_up", line, code)

    def _forget(self, line: Line) -> None:
        self._lines.discard(line)
        self._figures.connections -= 1
        _one_less(self._by_network, network_of(line.origin.address))
        if not self._lines:
            self._empty.set()

    def _tell_closed(self, event: str, line: Line, code: int) -> None:
        request_id = line.origin.request_id
        self._log.info(event, connection=str(line.id), code=code, request_id=request_id)

    def _tell_admitted(self, line: Line, kind: str, admission: Admission) -> None:
        self._log.info(
            "admitted",
            connection=str(line.id),
            kind=kind,
            request_id=line.origin.request_id,
            project=str(admission.project),
            subscriber=str(admission.subscriber),
            session=str(admission.session),
            bound=admission.jkt is not None,
        )

    # Beside them

    async def run(self) -> None:
        """Keep time, look for revocations and renew leases, until cancelled."""
        news = asyncio.Event()
        self._mint.store.on_ending(news.set)
        await asyncio.gather(
            self._over_and_over(self._sweep, _SWEEP_EVERY_SECONDS),
            self._over_and_over(self.watch.look, LOOK_EVERY_SECONDS, news),
            self._over_and_over(self.register.flush, FLUSH_EVERY_SECONDS),
        )

    async def _over_and_over(
        self,
        work: Callable[[], Awaitable[None]],
        seconds: float,
        earlier: asyncio.Event | None = None,
    ) -> None:
        """Do some work every so many seconds, and once more whenever `earlier` is set."""
        occasion = earlier or asyncio.Event()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await occasion.wait()
            occasion.clear()
            try:
                await work()
            except Exception:  # noqa: BLE001 - a bug in one round must not end all others
                self._log.exception("failed")

    async def _sweep(self) -> None:
        self.sweep()

    def sweep(self) -> None:
        """Tell every connection that time has passed, as far as it means something to it."""
        at = self._now()
        for line in tuple(self._lines):
            if line.connection.due(at):
                self._happens(line, Passed())

    def curtail(self, session: UUID, at: int) -> None:
        """Have a session's connections end at `at` (Unix seconds), where they would later.

        For development, where a token can be made to expire early.
        """
        for line in self._lines:
            lives, connection = line.lives, line.connection
            if lives is not None and lives.session == session and at < connection.expires_at:
                line.connection = msgspec.structs.replace(connection, expires_at=at)

    async def stop(self) -> None:
        """Turn new clients away, send those that are here elsewhere, and wait a little for them."""
        self._stopping = True
        self._empty.clear()
        for line in tuple(self._lines):
            self._happens(line, Stopping())
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                if self._lines:
                    await self._empty.wait()
                await self.register.flush()
        except TimeoutError:
            self._log.warning("left_behind", connections=len(self._lines))

    def _now(self) -> Moment:
        return Moment(self._mint.clock.now(), self._steady())


def _origin_of(scope: Scope, connection: UUID) -> Origin:
    """Where a connection is from, for logs and the audit trail.

    The id is that of its upgrade; where nobody gave it one, its own stands for it.
    """
    client = scope["client"]
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    text = agent[:AGENT_LIMIT].decode("latin-1")
    request_id: str = scope.get("satmint.request_id", str(connection))
    return Origin(request_id, client[0] if client else "", text)


def _one_less(counts: Counter[T], key: T) -> None:
    """Count one off; what is at nothing takes no memory."""
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def _kind_of(attempt: Attempt) -> str:
    if isinstance(attempt, Reauthenticate):
        return "reauthenticate"
    return "resume" if attempt.resumes else "connect"
