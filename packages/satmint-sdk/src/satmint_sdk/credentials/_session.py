"""The public class for a credential that stays fresh."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import weakref
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn, Self

from satmint_sdk._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from satmint_sdk._forks import renew_in_children
from satmint_sdk._secrets import SecretText
from satmint_sdk.credentials._abandoned import warn_if_abandoned
from satmint_sdk.credentials._credential import (
    Credential,
    CredentialProvider,
    required_token,
)
from satmint_sdk.credentials._events import EventLog, MechanismName, SessionEvent, log_line
from satmint_sdk.credentials._logout import revoke
from satmint_sdk.credentials._loops import (
    LOOP_ENDED,
    raise_if_ended,
    require_asyncio,
    run_in,
    running_loop,
    submit_to,
)
from satmint_sdk.credentials._session_parts import SessionStats, SignInListener
from satmint_sdk.credentials.bound._devices import ProofTarget
from satmint_sdk.credentials.bound._dpop import DPoPKey
from satmint_sdk.credentials.errors import CredentialExpired, SessionClosed
from satmint_sdk.credentials.refresh._attempt import CredentialState
from satmint_sdk.credentials.refresh._mechanisms import ByKey
from satmint_sdk.credentials.refresh._policy import Advice
from satmint_sdk.credentials.refresh._scheduler import RefreshScheduler
from satmint_sdk.credentials.refresh._sign_in import SignIn

if TYPE_CHECKING:
    import httpx

MAX_WAIT: Final = 15.0
BOUND_LIFE: Final = 900
_NOT_OPEN: Final = "the session is not open: use it within `async with`, or after `open()`"
_numbers: Final = itertools.count(1)


class CredentialSession:
    """A credential that is kept fresh for as long as the session is open.

    Example:
        async with CredentialSession(provider) as session:
            token = await session.token()

    The session belongs to the event loop that opened it. `token()` may be awaited in any loop and
    `token_blocking()` called in any thread, by any number of callers; one refresh serves them all.
    In a forked child the session stays readable until its credential expires, and does not refresh:
    the child must open its own session. Under trio, use a `BlockingCredentialSession`.

    Args:
        provider: Provides the first credential, and the next ones if it has `refresh()`.
        name: What the session is called in the log; `session-1`, `session-2`, ... if absent.
        key: The key to bind tokens to, and to sign proofs with; a new ES256 key if absent.
        host: Host of the REST API for the token's holder (its scope, refreshing by key); read from
            the token's `ch` header if absent, as the browser SDK does.
        max_wait: Maximum seconds that a caller waits for a fresh credential.
        expire_in: Lifetime in seconds to request for Client Bound SATs.
        proof_target: `url` names the whole URL in proofs (RFC 9449, section 4.2); `path` the path
            alone, as the vendor's browser SDK does, for servers that do not know their own name.
        transport: Carries the requests of the holder instead of the network.
        clock: The source of time.
        entropy: The source of jitter.
    """

    def __init__(
        self,
        provider: CredentialProvider,
        *,
        name: str | None = None,
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
        self.name: Final = f"session-{next(_numbers)}" if name is None else name
        self.key: Final = DPoPKey.generate(clock=clock, entropy=entropy) if key is None else key
        self._host = host
        self._max_wait = max_wait
        self._expire_in = expire_in
        self._proof_target: ProofTarget = proof_target
        self._transport = transport
        self._clock = clock
        self._entropy = entropy
        self._log = EventLog(self.name, log_line)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sign_in: SignIn | None = None
        self._scheduler: RefreshScheduler | None = None
        self._closed = False
        self._forked = False
        self._sign_in_listeners: weakref.WeakSet[SignInListener] = weakref.WeakSet()
        self._abandoned: weakref.finalize[..., CredentialSession] | None = None
        renew_in_children(self)

    # Opening and closing.

    async def open(self) -> None:
        """Sign in, and start refreshing. `async with` does the same.

        After an error it may be called again.

        Raises:
            SessionClosed: The session is open, or was closed.
            InvalidCredential: The provider returned an expired credential.
            RuntimeError: There is no event loop of asyncio.
            Exception: Any error of the provider, after retries if it is transient.
        """
        if self._scheduler is not None or self._closed or self._forked:
            raise SessionClosed("a session can be opened only once")
        self._loop = require_asyncio()
        self._sign_in = SignIn(
            self._provider,
            self.key,
            host=self._host,
            expire_in=self._expire_in,
            proof_target=self._proof_target,
            max_wait=self._max_wait,
            transport=self._transport,
            clock=self._clock,
            entropy=self._entropy,
            log=self._log,
        )
        scheduler = self._scheduler = RefreshScheduler(
            self._sign_in,
            max_wait=self._max_wait,
            clock=self._clock,
            entropy=self._entropy,
            log=self._log,
        )
        self._abandoned = warn_if_abandoned(self, self.name, scheduler, self._loop, self._log)
        try:
            await scheduler.login()
        except BaseException:
            if not self._closed:
                self._scheduler = None
                self._abandoned.detach()
                await scheduler.close()
            raise

    async def close(self) -> None:
        """Close the session. Idempotent.

        Callers that wait for a token get `SessionClosed`. A running refresh attempt gets 5 s to
        end, so that its refresh token can be stored; its credential is not returned any more.
        """
        scheduler, self._scheduler = self._scheduler, None
        self._closed = True
        if self._abandoned is not None:
            self._abandoned.detach()
        if scheduler is not None and self._loop is not None:  # None in a forked child
            with contextlib.suppress(SessionClosed):  # the schedule has ended with its loop
                await run_in(self._loop, scheduler.close())
        self._log.end()

    async def logout(self) -> bool:
        """Stop refreshing, revoke the session if the provider can, and close.

        Returns:
            Whether it was revoked. Otherwise its tokens stay valid until they expire; the log says
            why.

        Raises:
            SessionClosed: The session is not open.
        """
        scheduler = self._open_scheduler()
        try:
            return await run_in(
                self._loop, revoke(self._provider, scheduler, self.name, self._clock)
            )
        finally:
            await self.close()

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
    def clock(self) -> Clock:
        """The clock of this session, for parts that must agree with it."""
        return self._clock

    @property
    def entropy(self) -> Entropy:
        """The entropy of this session, for parts that share it."""
        return self._entropy

    @property
    def credential(self) -> Credential:
        """The current credential, without waiting, even if expired. The object is immutable.

        Raises:
            SessionClosed: The session is not open.
        """
        return self._state().credential

    @property
    def mechanism(self) -> MechanismName | None:
        """How the credential is refreshed: `provider`, `bound`, or `None` if not at all.

        Raises:
            SessionClosed: The session is not open.
        """
        current = self._state()
        return (
            None
            if current.mechanism is None or current.stopped is not None
            else current.mechanism.name
        )

    @property
    def stats(self) -> SessionStats:
        """Statistics of refreshing.

        Raises:
            SessionClosed: The session is not open.
        """
        scheduler = self._open_scheduler()
        skew = None if self._sign_in is None else self._sign_in.skew
        return SessionStats(Counter(scheduler.counts), scheduler.margin, scheduler.waiting, skew)

    def events(self) -> AsyncIterator[SessionEvent]:
        """Read the events from the beginning: `Refreshed`, `Warned`, `Failed`, `Expired`.

        Every call returns a separate reader, for use in any event loop. It keeps the last 256
        events, and ends when the session is closed.
        """
        return self._log.stream()

    async def token(self) -> str:
        """Get a valid token; waits only if the current one has nearly or fully expired.

        Cancelling one caller does not cancel the refresh that others wait for.

        Raises:
            CredentialExpired: The credential has expired and was not refreshed within `max_wait`.
            CredentialRefused: A server has refused it, and it was not replaced within `max_wait`.
            SessionClosed: The session is not open, or its event loop has ended.
        """
        usable = self._usable_credential()
        if usable is not None:
            return required_token(usable)
        return required_token(await run_in(self._loop, self._open_scheduler().fresh()))

    def token_blocking(self) -> str:
        """Get a valid token from a thread without an event loop; otherwise as `token`.

        Raises:
            CredentialExpired: The credential has expired and was not refreshed within `max_wait`.
            CredentialRefused: A server has refused it, and it was not replaced within `max_wait`.
            SessionClosed: The session is not open, or its event loop has ended.
            RuntimeError: Called in an event loop, which it would block.
        """
        if running_loop() is not None:
            raise RuntimeError("token_blocking must not be called in an event loop: await token()")
        usable = self._usable_credential()
        if usable is not None:
            return required_token(usable)
        try:
            return required_token(submit_to(self._loop, self._open_scheduler().fresh()).result())
        except CancelledError:
            raise SessionClosed(LOOP_ENDED) from None

    async def renew(self, rejected: str) -> str:
        """Replace a token that a server has refused with 401.

        A token that several callers report is replaced once. Until it is replaced, `token()` does
        not return it.

        Raises:
            CredentialRefused: It cannot be replaced, or was not replaced within `max_wait`.
            CredentialExpired: Another one is in use meanwhile, and has expired.
            SessionClosed: The session is not open.
        """
        refused = SecretText(rejected)
        del rejected  # or reporters of errors would find it among the variables of this frame
        renewed = self._open_scheduler().renew(refused)
        return required_token(await run_in(self._loop, renewed))

    def renew_blocking(self, rejected: str) -> str:
        """Replace a token, from a thread without an event loop; otherwise as `renew`.

        Raises:
            RuntimeError: Called in an event loop, which it would block.
        """
        if running_loop() is not None:
            raise RuntimeError("renew_blocking must not be called in an event loop: await renew()")
        refused = SecretText(rejected)
        del rejected
        renewed = self._open_scheduler().renew(refused)
        try:
            return required_token(submit_to(self._loop, renewed).result())
        except CancelledError:
            raise SessionClosed(LOOP_ENDED) from None

    def is_bound(self, token: str) -> bool:
        """Whether this token is a Client Bound SAT of the session's key."""
        mechanism = self._state().mechanism
        return isinstance(mechanism, ByKey) and mechanism.has_issued(token)

    async def login(self) -> Credential:
        """Sign in again: after a failure, or to change rights. Restarts refreshing.

        A running refresh is discarded. Until the new credential arrives, callers get the old one
        while it is valid.

        Raises:
            SessionClosed: The session is not open.
            InvalidCredential: The provider returned an expired credential.
            Exception: Any error of the provider, after retries if it is transient.
        """
        credential = await run_in(self._loop, self._open_scheduler().login())
        if credential.token:
            await run_in(self._loop, self._report_sign_in(credential.token))
        return credential

    # Internals.

    async def _report_sign_in(self, token: str) -> None:
        for listener in list(self._sign_in_listeners):
            listener.on_sign_in(token)

    def renew_after_fork(self) -> None:
        """Keep the credential; only the parent refreshes."""
        self._forked = True
        self._loop = None
        self._log = EventLog(self.name, log_line)
        if self._abandoned is not None:
            self._abandoned.detach()

    def _usable_credential(self) -> Credential | None:
        """The current credential if no refresh is needed first; else None."""
        current = self._state()
        advice = current.advice(self._clock.now())
        if advice in (Advice.KEEP, Advice.MAY):
            return current.credential
        if not self._forked:
            return None
        if advice is Advice.EXPIRED:
            raise CredentialExpired("the credential, inherited from a parent process, has expired")
        return current.credential

    def _open_scheduler(self) -> RefreshScheduler:
        if self._scheduler is None:
            raise SessionClosed(_NOT_OPEN)
        if self._forked:
            raise SessionClosed("the session was opened by a parent process: open one here")
        raise_if_ended(self._loop)
        return self._scheduler

    def _state(self) -> CredentialState:
        current = None if self._scheduler is None else self._scheduler.state
        if current is None:
            raise SessionClosed(_NOT_OPEN)
        raise_if_ended(self._loop)
        return current

    def __repr__(self) -> str:
        state = "closed" if self._closed else "not open" if self._scheduler is None else "open"
        return f"<CredentialSession {self.name} of {self._provider!r}, {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session cannot be pickled: open one where it is needed")
