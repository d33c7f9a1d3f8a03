"""A session for programs without an event loop: its own runs in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeVar

from satmint_sdk._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from satmint_sdk._forks import renew_in_children
from satmint_sdk.credentials._credential import Credential, CredentialProvider
from satmint_sdk.credentials._events import EventStream, MechanismName, SessionEvent
from satmint_sdk.credentials._loops import running_loop
from satmint_sdk.credentials._session import BOUND_LIFE, MAX_WAIT, CredentialSession
from satmint_sdk.credentials._session_parts import SessionStats
from satmint_sdk.credentials.bound._devices import ProofTarget
from satmint_sdk.credentials.bound._dpop import DPoPKey
from satmint_sdk.credentials.errors import SessionClosed

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_CLOSE_LIMIT: Final = 10.0
"""Seconds that closing waits for the thread."""


class BlockingCredentialSession:
    """A `CredentialSession` for threads: Django, Flask, scripts.

    Example:
        session = BlockingCredentialSession(provider)  # at import, for all threads
        token = session.token()

    It has a thread with an event loop of its own, and signs in when it is first used. Any number of
    threads may share it. After a fork the child signs in again when it first uses the session, so
    it may be made, and used, before a server forks its workers. It cannot be used in an event loop,
    which it would block: use a `CredentialSession`, or `asyncio.to_thread`.

    Args:
        provider: As for `CredentialSession`, and so are the others.
        name: What the session is called in the log.
        key: The key to bind tokens to.
        host: Host of the REST API for the token's holder.
        max_wait: Maximum seconds that a caller waits for a fresh credential.
        expire_in: Lifetime in seconds to request for Client Bound SATs.
        proof_target: What proofs name as their target.
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
        def make() -> CredentialSession:
            return CredentialSession(
                provider,
                name=first.name,
                key=first.key,
                host=host,
                max_wait=max_wait,
                expire_in=expire_in,
                proof_target=proof_target,
                transport=transport,
                clock=clock,
                entropy=entropy,
            )

        first = CredentialSession(
            provider, name=name, key=key, host=host, clock=clock, entropy=entropy
        )
        self.name: Final = first.name
        self.key: Final = first.key
        self._provider = provider
        self._make: Callable[[], CredentialSession] = make
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._worker: _Worker | None = None
        self._unopened: _Worker | None = None
        self._left_to_parent: list[object] = []
        self._closed = False
        renew_in_children(self)

    # Opening and closing.

    def open(self) -> None:
        """Sign in, if that has not been done. `with` does the same, and so does the first use.

        After an error it may be called again.

        Raises:
            SessionClosed: The session was closed.
            InvalidCredential: The provider returned an expired credential.
            RuntimeError: Called in an event loop.
            Exception: Any error of the provider, after retries if it is transient.
        """
        self._running()

    def close(self) -> None:
        """Close the session, and end its thread, within 10 s. Idempotent.

        A thread that is signing in meanwhile gets `SessionClosed`.
        """
        with self._lock:
            self._closed = True
            worker, self._worker = self._worker, None
            unopened = self._unopened
        if worker is not None:
            worker.stop()
        if unopened is not None:
            unopened.stop()

    def logout(self) -> bool:
        """Stop refreshing, revoke the session if the provider can, and close.

        Returns:
            Whether it was revoked. Otherwise its tokens stay valid until they expire.

        Raises:
            SessionClosed: The session was closed.
            Exception: As in `open`, where the session was not used before.
        """
        worker = self._running()
        try:
            return worker.run(worker.session.logout())
        finally:
            self.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Reading. All open the session first if needed, with the errors of `open`.

    def token(self) -> str:
        """Get a valid token; waits only if the current one has nearly or fully expired.

        Raises:
            CredentialExpired: The credential has expired and was not refreshed within `max_wait`.
            CredentialRefused: A server has refused it, and it was not replaced within `max_wait`.
            SessionClosed: The session was closed.
            RuntimeError: Called in an event loop.
        """
        return self._running().session.token_blocking()

    def renew(self, rejected: str) -> str:
        """Replace a token that a server has refused with 401; see `CredentialSession.renew`."""
        worker = self._running()
        renewed = worker.session.renew(rejected)
        del rejected  # reporters of errors show the variables of this frame
        return worker.run(renewed)

    def login(self) -> Credential:
        """Sign in again; see `CredentialSession.login`."""
        worker = self._running()
        return worker.run(worker.session.login())

    @property
    def credential(self) -> Credential:
        """The current credential, even if expired. The object is immutable."""
        return self._running().session.credential

    @property
    def mechanism(self) -> MechanismName | None:
        """How the credential is refreshed: `provider`, `bound`, or `None` if not at all."""
        return self._running().session.mechanism

    @property
    def stats(self) -> SessionStats:
        """Statistics of refreshing."""
        return self._running().session.stats

    def is_bound(self, token: str) -> bool:
        """Whether this token is a Client Bound SAT of the session's key."""
        return self._running().session.is_bound(token)

    def events(self) -> Iterator[SessionEvent]:
        """Read the events from the beginning, blocking; ends when the session is closed.

        Every call returns a separate reader, which keeps the last 256 events.
        """
        stream = self._running().session.events()
        assert isinstance(stream, EventStream)  # noqa: S101 - for the type checker
        return iter(stream.next_blocking, None)

    # Internals.

    def _running(self) -> _Worker:
        """The worker; starts it if there is none in this process."""
        if running_loop() is not None:
            raise RuntimeError(
                "a BlockingCredentialSession must not be used in an event loop: use a"
                " CredentialSession, or asyncio.to_thread"
            )
        with self._opening:
            with self._lock:
                if self._closed:
                    raise SessionClosed("the session is closed")
                if self._worker is not None:
                    return self._worker
                worker = self._unopened = _Worker(self._make())
            try:
                worker.run(worker.session.open())
            except BaseException:
                worker.stop()
                raise
            finally:
                self._unopened = None
            if not self._adopt(worker):
                worker.stop()
                raise SessionClosed("the session is closed")
            weakref.finalize(self, worker.stop)
            return worker

    def _adopt(self, worker: _Worker) -> bool:
        """Keep an opened worker, unless the session was closed meanwhile."""
        with self._lock:
            if not self._closed:
                self._worker = worker
            return not self._closed

    def renew_after_fork(self) -> None:
        """Leave the thread and its session to the parent; the next use starts others."""
        self._lock, self._opening = threading.Lock(), threading.Lock()
        self._left_to_parent += (self._worker, self._unopened)
        self._worker = self._unopened = None

    def __repr__(self) -> str:
        state = "closed" if self._closed else "not open" if self._worker is None else "open"
        return f"<BlockingCredentialSession {self.name} of {self._provider!r}, {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session cannot be pickled: open one where it is needed")


class _Worker:
    """A thread with an event loop, and the session in it."""

    def __init__(self, session: CredentialSession) -> None:
        self.session = session
        self._forked = False
        self._is_stopping = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=_serve, args=(self._loop,), name=f"satmint {session.name}", daemon=True
        )
        self._thread.start()
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """The thread is the parent's."""
        self._forked = True

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the thread, and wait for it.

        Raises:
            SessionClosed: The thread has ended meanwhile.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()
            raise SessionClosed("the session is closed") from None
        try:
            return future.result()
        except CancelledError:
            raise SessionClosed("the session is closed") from None
        except BaseException:
            future.cancel()  # a Ctrl-C of the caller
            raise

    def stop(self) -> None:
        """Close the session and end the thread. Idempotent; in a forked child it does nothing."""
        if self._forked or self._is_stopping:
            return
        self._is_stopping = True
        if threading.current_thread() is self._thread:  # it has collected the garbage
            closing = self._loop.create_task(self.session.close())
            closing.add_done_callback(lambda _: self._loop.stop())
            return
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(self.session.close(), self._loop).result(_CLOSE_LIMIT)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_LIMIT)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped; what is unfinished then is cancelled."""
    try:
        loop.run_forever()
        loop.run_until_complete(_cancel_others())
    finally:
        loop.close()


async def _cancel_others() -> None:
    unfinished = asyncio.all_tasks() - {asyncio.current_task()}
    for task in unfinished:
        task.cancel()
    await asyncio.gather(*unfinished, return_exceptions=True)
