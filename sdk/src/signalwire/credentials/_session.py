"""The door to a credential that stays fresh."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeVar

from signalwire._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from signalwire._forks import renew_in_children
from signalwire.credentials._credential import Credential, CredentialProvider
from signalwire.credentials._devices import ProofTarget
from signalwire.credentials._dpop import DPoPKey
from signalwire.credentials._events import EventLog, SessionEvent, line_of
from signalwire.credentials._flight import Held
from signalwire.credentials._keeper import Keeper
from signalwire.credentials._policy import Advice, advise
from signalwire.credentials._sign_in import SignIn
from signalwire.credentials.errors import CredentialExpired, SessionClosed

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

MAX_WAIT: Final = 15.0
BOUND_LIFE: Final = 900
_LOOP_ENDED: Final = "the session's event loop has ended"


@dataclass(frozen=True, slots=True)
class SessionStats:
    """How refreshing has gone so far.

    Attributes:
        attempts: How many attempts ended in what: `refreshed`, or a cause code.
        margin: Seconds of life that the credential before this one had left when it was replaced.
        waiting: Callers that wait for a refresh now.
        skew: Seconds that the server's clock is ahead, where proofs had to follow it.
    """

    attempts: Mapping[str, int]
    margin: float | None
    waiting: int
    skew: float | None


class CredentialSession:
    """A credential that is kept fresh for as long as the session is open.

    Example:
        async with CredentialSession(provider) as session:
            token = await session.token()

    The session belongs to the event loop that opened it. `token()` may be awaited in any loop and
    `token_blocking()` called in any thread, by any number of callers; one refresh serves them all.
    In a forked child the session stays readable until its credential expires, and refreshes
    nothing: a child opens a session of its own.

    Args:
        provider: Where the first credential comes from, and the next ones if it has `refresh()`.
        key: The key to bind tokens to, and to sign proofs with; a new ES256 key if absent.
        host: Host of the REST API for the token's holder (its scope, refreshing by key); read from
            the token's `ch` header if absent, as the browser SDK does.
        max_wait: Seconds that a caller may be kept waiting for a fresh credential.
        expire_in: Seconds of life to ask Client Bound SATs for.
        proof_target: `url` names the whole URL in proofs (RFC 9449, section 4.2); `path` the path
            alone, as the vendor's browser SDK does, for servers that do not know their own name.
        transport: Carries the requests of the holder in place of the network.
        clock: Tells the time and waits.
        entropy: Spreads what would happen at the same moment.
    """

    def __init__(
        self,
        provider: CredentialProvider,
        *,
        key: DPoPKey | None = None,
        host: str | None = None,
        max_wait: float = MAX_WAIT,
        expire_in: int = BOUND_LIFE,
        proof_target: ProofTarget = "url",
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        self._provider = provider
        self.key: Final = DPoPKey.generate(clock=clock, entropy=entropy) if key is None else key
        self._host = host
        self._max_wait = max_wait
        self._expire_in = expire_in
        self._proof_target: ProofTarget = proof_target
        self._transport = transport
        self._clock = clock
        self._entropy = entropy
        self._log = EventLog(line_of)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sign_in: SignIn | None = None
        self._keeper: Keeper | None = None
        self._closed = False
        self._inherited = False
        renew_in_children(self)

    # Opening and closing.

    async def open(self) -> None:
        """Sign in, and keep the credential fresh from now on. `async with` does the same.

        Raises:
            SessionClosed: The session was opened before.
            InvalidCredential: The provider handed out a credential that is past its end.
            Exception: Whatever the provider raises, after further attempts where they may help.
        """
        if self._keeper is not None or self._closed or self._inherited:
            raise SessionClosed("a session is opened once")
        self._loop = asyncio.get_running_loop()
        self._sign_in = SignIn(
            self._provider,
            self.key,
            host=self._host,
            expire_in=self._expire_in,
            proof_target=self._proof_target,
            patience=self._max_wait,
            transport=self._transport,
            clock=self._clock,
            entropy=self._entropy,
            log=self._log,
        )
        self._keeper = Keeper(
            self._sign_in,
            max_wait=self._max_wait,
            clock=self._clock,
            entropy=self._entropy,
            log=self._log,
        )
        try:
            await self._keeper.login()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the session. A second time does nothing.

        Who waits for a token gets `SessionClosed`. A refresh that is in the middle of an attempt
        gets 5 s to end, so that the refresh token it brings can be stored; what it brings is not
        handed out any more.
        """
        keeper, self._keeper = self._keeper, None
        self._closed = True
        if self._loop is None:  # never opened, or opened by a parent process
            self._log.end()
        elif keeper is not None:
            with contextlib.suppress(SessionClosed):  # with its loop, the schedule has ended too
                await self._in_its_loop(keeper.close())

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

    # Reading.

    @property
    def credential(self) -> Credential:
        """The current credential as it is, without waiting, be it expired. It never changes.

        Raises:
            SessionClosed: The session is not open.
        """
        return self._held().credential

    @property
    def mechanism(self) -> str | None:
        """What refreshes the credential: `provider`, `bound`, or `None` for nothing.

        Raises:
            SessionClosed: The session is not open.
        """
        held = self._held()
        return None if held.armed is None or held.stopped is not None else held.armed.name

    @property
    def stats(self) -> SessionStats:
        """How refreshing has gone so far.

        Raises:
            SessionClosed: The session is not open.
        """
        keeper = self._open_keeper()
        skew = None if self._sign_in is None else self._sign_in.skew
        return SessionStats(Counter(keeper.counts), keeper.margin, keeper.waiting, skew)

    def events(self) -> AsyncIterator[SessionEvent]:
        """Read what happens, from the beginning: `Refreshed`, `Warned`, `Failed`, `Expired`.

        Every caller gets a reader of its own, to be used in the session's event loop. It keeps the
        last 256 events, and ends when the session is closed.
        """
        return self._log.stream()

    async def token(self) -> str:
        """Get a token that lives, waiting only if the current one is at its end.

        Cancelling one caller does not cancel the refresh that others wait for.

        Raises:
            CredentialExpired: The credential has expired, and no fresh one came in `max_wait`.
            SessionClosed: The session is not open.
        """
        at_hand = self._at_hand()
        if at_hand is not None:
            return at_hand.token
        return (await self._in_its_loop(self._open_keeper().fresh())).token

    def token_blocking(self) -> str:
        """Get a token that lives from a thread that runs no event loop. As `token`, otherwise.

        Raises:
            CredentialExpired: The credential has expired, and no fresh one came in `max_wait`.
            SessionClosed: The session is not open.
            RuntimeError: Called in the event loop, which would wait for itself.
        """
        at_hand = self._at_hand()
        if at_hand is not None:
            return at_hand.token
        if _running_loop() is not None:
            raise RuntimeError("token_blocking must not be called in an event loop: await token()")
        try:
            return self._hop(self._open_keeper().fresh()).result().token
        except CancelledError:
            raise SessionClosed(_LOOP_ENDED) from None

    async def renew(self, rejected: str) -> str:
        """Get another token than `rejected`, which a server has just refused with 401.

        However many callers report the same token, it is replaced once.

        Raises:
            CredentialExpired: Nothing can replace it, or no fresh one came in `max_wait`.
            SessionClosed: The session is not open.
        """
        return (await self._in_its_loop(self._open_keeper().renew(rejected))).token

    async def login(self) -> Credential:
        """Sign in anew: after a failure, or to change rights. Starts the schedule again.

        A refresh that is under way is thrown away. Until the new credential is there, callers get
        the old one while it lives.

        Raises:
            SessionClosed: The session is not open.
            InvalidCredential: The provider handed out a credential that is past its end.
            Exception: Whatever the provider raises, after further attempts where they may help.
        """
        return await self._in_its_loop(self._open_keeper().login())

    # How it is done.

    def renew_after_fork(self) -> None:
        """Keep the credential, and leave refreshing to the parent."""
        self._inherited = True
        self._loop = None
        self._log = EventLog(line_of)

    def _at_hand(self) -> Credential | None:
        """The current credential, where it may be handed out without asking anybody."""
        held = self._held()
        advice = advise(held.lease, self._clock.now())
        if advice in (Advice.KEEP, Advice.MAY):
            return held.credential
        if not self._inherited:
            return None
        if advice is Advice.DEAD:
            raise CredentialExpired("the credential, inherited from a parent process, has expired")
        return held.credential

    def _open_keeper(self) -> Keeper:
        if self._keeper is None:
            raise SessionClosed("the session is not open")
        if self._inherited:
            raise SessionClosed("the session was opened by a parent process: open one here")
        return self._keeper

    def _held(self) -> Held:
        held = None if self._keeper is None else self._keeper.held
        if held is None:
            raise SessionClosed("the session is not open")
        return held

    async def _in_its_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the session's own event loop, wherever it is asked for."""
        if _running_loop() is self._loop:
            return await work
        there = self._hop(work)
        try:
            return await asyncio.wrap_future(there)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if there.cancelled() and task is not None and not task.cancelling():
                raise SessionClosed(_LOOP_ENDED) from None
            raise

    def _hop(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        loop = self._loop
        if loop is not None and loop.is_running():
            with contextlib.suppress(RuntimeError):  # it ended between the question and the hop
                return asyncio.run_coroutine_threadsafe(work, loop)
        work.close()
        raise SessionClosed(_LOOP_ENDED)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "not open" if self._keeper is None else "open"
        return f"<CredentialSession of {self._provider!r}, {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session cannot be pickled: open one where it is needed")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
