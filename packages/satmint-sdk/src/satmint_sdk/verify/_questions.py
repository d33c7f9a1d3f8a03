"""Questions to the server: one in flight for each token, and those that wait share a request."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from satmint_sdk._ambient import Clock
from satmint_sdk._retry import is_transient
from satmint_sdk._secrets import SecretText, one_line
from satmint_sdk.rest.errors import SignalWireRestError
from satmint_sdk.verify._answers import KEEP_SECONDS, Answers
from satmint_sdk.verify._token import Answer, NotAnAnswer, read_answer
from satmint_sdk.verify.errors import CannotVerify

if TYPE_CHECKING:
    from satmint_sdk.rest import AsyncRestClient, RestClient
    from satmint_sdk.rest.types import Introspections

BATCH: Final = 100
"""Questions of one request; the server takes no more."""
BATCH_CHARS: Final = 200_000
"""Characters of its tokens: long ones that somebody has invented must not make it too large."""
MAX_REQUESTS: Final = 4
"""Requests at a time; more questions wait, and share the next one."""
MAX_WAITING: Final = 20_000
PATIENCE_SECONDS: Final = 5.0
"""What has waited for longer when a request remains without an answer is not sent any more: where
satmint hangs, each further request would take as long again."""
SHARED_SECONDS: Final = 0.5
"""A question that was sent earlier is not waited for: its answer may be older than a revocation."""


class Question:
    """A question about one token, and then its answer."""

    __slots__ = ("answer", "asked", "error", "is_done", "joined", "key", "sent", "token", "wake")

    def __init__(self, key: bytes, token: SecretText, joined: float) -> None:
        self.key = key
        self.token = token
        self.joined = joined
        self.sent: float | None = None
        self.asked = 0
        self.is_done = False
        self.answer: Answer | None = None
        self.error: CannotVerify | None = None
        self.wake: asyncio.Future[None] | None = None

    def result(self) -> Answer | None:
        """The answer; `None`: the token is not active.

        Raises:
            CannotVerify: The server could not be asked.
        """
        if self.error is not None:
            raise CannotVerify(
                str(self.error),
                permanent=self.error.permanent,
                retry_after=self.error.retry_after,
            )
        return self.answer


class _NoAnswer(CannotVerify):
    """A request remained without an answer."""


class Waiting:
    """The questions of a process or of an event loop. Its user locks."""

    def __init__(self, answers: Answers, clock: Clock) -> None:
        self._answers = answers
        self._clock = clock
        self._open: dict[bytes, Question] = {}
        self._unsent: deque[Question] = deque()
        self.requests = 0

    def join(self, key: bytes, token: SecretText) -> Question:
        """A new question, or that of another caller who waits for the same answer.

        Raises:
            CannotVerify: Too many wait.
        """
        found = self._open.get(key)
        if found is not None and (found.sent is None or self._is_fresh(found.sent)):
            return found
        if len(self._unsent) >= MAX_WAITING:
            raise CannotVerify("too many tokens wait to be verified")
        question = self._open[key] = Question(key, token, self._clock.now().mono)
        self._unsent.append(question)
        return question

    def take(self) -> Sequence[Question]:
        """The questions of the next request; none if there is nothing to ask, or too much asked."""
        if not self._unsent or self.requests >= MAX_REQUESTS:
            return ()
        self.requests += 1
        batch: list[Question] = []
        size = 0
        while self._unsent and len(batch) < BATCH:
            size += len(self._unsent[0].token.reveal())
            if batch and size > BATCH_CHARS:
                break
            batch.append(self._unsent.popleft())
        now, place = self._clock.now().mono, self._answers.place
        for question in batch:
            question.sent, question.asked = now, place
        return batch

    def settle(
        self,
        batch: Sequence[Question],
        found: Introspections | CannotVerify,
        clock_offset: float | None,
    ) -> Sequence[Question]:
        """Give each question its answer, and keep it. Returns those that are done now."""
        self.requests -= 1
        done = list(batch)
        if isinstance(found, _NoAnswer):
            done += self._given_up()
        for place, question in enumerate(done):
            if isinstance(found, CannotVerify):
                question.error = found
            else:
                self._answer(question, found, place, clock_offset)
            question.is_done = True
            if self._open.get(question.key) is question:
                del self._open[question.key]
        return done

    def _given_up(self) -> Iterator[Question]:
        """Those that have waited too long to be sent, which wait no more."""
        began = self._clock.now().mono - PATIENCE_SECONDS
        while self._unsent and self._unsent[0].joined < began:
            yield self._unsent.popleft()

    def _answer(
        self, question: Question, found: Introspections, place: int, clock_offset: float | None
    ) -> None:
        now = self._clock.now()
        try:
            said: Any = found["tokens"][place]
            answer = read_answer(said, question.asked, (question.sent or now.mono) + KEEP_SECONDS)
        except (NotAnAnswer, KeyError, IndexError, TypeError) as failed:
            question.error = CannotVerify(
                f"the server does not answer as satmint does: {failed}", permanent=True
            )
            return
        if answer is None:
            self._answers.refuse(question.key, now)
            return
        left = answer.token.expiry - (now.wall + (clock_offset or 0))
        answer.ends = min(answer.ends, now.mono + left)
        question.answer = answer
        self._answers.keep(question.key, answer)

    def _is_fresh(self, sent: float) -> bool:
        return self._clock.now().mono - sent <= SHARED_SECONDS


def _failure(error: Exception) -> CannotVerify:
    """Why the server could not be asked. What is no error of the network is a mistake in use."""
    text = one_line(f"satmint cannot be asked: {error}")
    if not isinstance(error, SignalWireRestError):
        return CannotVerify(text, permanent=True)
    status = error.status_code
    if status is None:
        return _NoAnswer(text, permanent=bool(getattr(error, "permanent", False)))
    return CannotVerify(text, permanent=not is_transient(status))


def _tokens(batch: Sequence[Question]) -> list[str]:
    return [question.token.reveal() for question in batch]


class SyncQuestions:
    """Asks with a `RestClient`, in the threads that wait for answers."""

    def __init__(self, client: RestClient, answers: Answers, clock: Clock) -> None:
        self._client = client
        self._answers = answers
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork."""
        self._changed = threading.Condition()
        self._waiting = Waiting(self._answers, self._clock)

    def ask(self, key: bytes, token: SecretText) -> Answer | None:
        """Ask the server; see `Question.result`."""
        with self._changed:
            question = self._waiting.join(key, token)
            while not question.is_done:
                batch = self._waiting.take()
                if batch:
                    self._send(batch)
                else:
                    self._changed.wait()
        return question.result()

    def _send(self, batch: Sequence[Question]) -> None:
        """Send a request; the lock is held, but not meanwhile."""
        found: Introspections | CannotVerify = CannotVerify("the request was interrupted")
        self._changed.release()
        try:
            found = self._client.satmint.tokens.introspect_many(tokens=_tokens(batch))
        except Exception as failed:  # noqa: BLE001 - those who share the request get it, too
            found = _failure(failed)
        finally:
            self._changed.acquire()
            self._waiting.settle(batch, found, self._client.clock_offset)
            self._changed.notify_all()


class AsyncQuestions:
    """Asks with an `AsyncRestClient`, in the event loop of each caller."""

    def __init__(self, client: AsyncRestClient, answers: Answers, clock: Clock) -> None:
        self._client = client
        self._answers = answers
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork."""
        self._lock = threading.Lock()
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Waiting] = WeakKeyDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, key: bytes, token: SecretText) -> Answer | None:
        """Ask the server; see `Question.result`."""
        loop = asyncio.get_running_loop()
        with self._lock:
            waiting = self._loops.get(loop)
            if waiting is None:
                waiting = self._loops[loop] = Waiting(self._answers, self._clock)
        question = waiting.join(key, token)
        if question.wake is None:
            question.wake = loop.create_future()
        self._send_some(waiting)
        # Others may wait for it, too.
        await asyncio.shield(question.wake)
        return question.result()

    def _send_some(self, waiting: Waiting) -> None:
        while batch := waiting.take():
            task = asyncio.create_task(self._send(waiting, batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, waiting: Waiting, batch: Sequence[Question]) -> None:
        found: Introspections | CannotVerify = CannotVerify("the request was interrupted")
        try:
            found = await self._client.satmint.tokens.introspect_many(tokens=_tokens(batch))
        except Exception as failed:  # noqa: BLE001 - those who share the request get it, too
            found = _failure(failed)
        finally:
            for question in waiting.settle(batch, found, self._client.clock_offset):
                if question.wake is not None and not question.wake.done():
                    question.wake.set_result(None)
            self._send_some(waiting)
