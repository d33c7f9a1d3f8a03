"""Answers that are kept, and whether they are still good. No I/O.

The feed of revocations has an order, and every question is sent at some place in it. An answer is
believed if the feed has told, after that place, of nothing that the token depends on; it does not
matter which of the two arrives first. So every answer that is believed was given after all
revocations that the feed has told of.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any, Final

from satmint_sdk._ambient import Clock, Instant
from satmint_sdk.verify._token import Answer

SILENCE_SECONDS: Final = 10.0
"""After so long without a word of the feed, nothing kept is believed."""
MAX_SLEEP_SECONDS: Final = 1.0
"""After the machine has slept for longer, or its clock was set, nothing kept is believed."""
KEEP_SECONDS: Final = 300.0
REFUSED_SECONDS: Final = 10.0
MAX_REFUSED: Final = 10_000
MAX_REVOCATIONS: Final = 100_000
"""Revocations that are remembered; of more, all answers are forgotten instead."""


@dataclass(slots=True)
class _Revoked:
    """What the feed has told of one id.

    Attributes:
        told: Place of the last event that ends whatever depends on the id.
        raised: Place of the last event that raised an epoch.
        epoch: The highest epoch that an event has named.
        at: When the last one came, by the monotonic clock.
    """

    told: int = 0
    raised: int = 0
    epoch: int = 0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerCounts:
    """How many answers are kept, and how it was found out."""

    kept: int
    refused: int
    hits: int
    misses: int


class Answers:
    """The kept answers of one process. Threads share it.

    Keys are SHA-256 of tokens. Answers for active tokens and refusals are bounded apart: a flood of
    invented tokens evicts nobody's good one.
    """

    def __init__(self, size: int, clock: Clock) -> None:
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: nothing is known, and the feed was not heard."""
        self._lock = threading.Lock()
        # In the order of use. `OrderedDict` would take half as much again.
        self._kept: dict[bytes, Answer] = {}
        self._refused: dict[bytes, float] = {}
        self._revoked: dict[str, _Revoked] = {}
        self._place = 1
        self._floor = 1
        self._heard: Instant | None = None
        self._wall_ahead: float | None = None
        self._is_up_to_date = False
        self._hits = self._misses = 0

    @property
    def counts(self) -> AnswerCounts:
        """What is kept now."""
        with self._lock:
            return AnswerCounts(len(self._kept), len(self._refused), self._hits, self._misses)

    def is_believed(self, now: Instant) -> bool:
        """Whether the feed is up to date, so that kept answers are believed."""
        with self._lock:
            return self._is_up_to_date and self._was_heard_within(SILENCE_SECONDS, now)

    @property
    def place(self) -> int:
        """How far the feed is: read it before a question is sent."""
        return self._place

    # Looking up

    def find(self, key: bytes, now: Instant) -> Answer | None:
        """A kept answer that is good now."""
        with self._lock:
            answer = self._kept.get(key)
            is_believed = self._is_up_to_date and self._was_heard_within(SILENCE_SECONDS, now)
            if answer is None or not is_believed:
                self._misses += 1
                return None
            del self._kept[key]
            if not self._is_good(answer, now):
                self._misses += 1
                return None
            self._kept[key] = answer  # last
            self._hits += 1
            return answer

    def find_stale(self, key: bytes, now: Instant, seconds: float) -> Answer | None:
        """A kept answer that was good when the feed was last heard, if that is not long ago."""
        with self._lock:
            answer = self._kept.get(key)
            if answer is None or not self._was_heard_within(SILENCE_SECONDS + seconds, now):
                return None
            return answer if self._is_good(answer, now) else None

    def is_refused(self, key: bytes, now: Instant) -> bool:
        """Whether the token was refused a moment ago."""
        with self._lock:
            until = self._refused.get(key)
            return until is not None and now.mono < until

    def is_current(self, answer: Answer) -> bool:
        """Whether the feed has told of nothing that the answer did not know."""
        with self._lock:
            return self._is_current(answer)

    # Keeping

    def keep(self, key: bytes, answer: Answer) -> None:
        """Keep an answer that is current."""
        with self._lock:
            if not self._is_current(answer):
                return
            self._kept.pop(key, None)
            self._kept[key] = answer
            self._refused.pop(key, None)
            _shorten(self._kept, self._size)

    def refuse(self, key: bytes, now: Instant) -> None:
        """Keep a refusal."""
        with self._lock:
            self._kept.pop(key, None)
            self._refused.pop(key, None)
            self._refused[key] = now.mono + REFUSED_SECONDS
            _shorten(self._refused, MAX_REFUSED)

    # What the feed says

    def hear(self, now: Instant) -> None:
        """The feed is up to date."""
        with self._lock:
            ahead = now.wall - now.mono
            if self._wall_ahead is None or abs(ahead - self._wall_ahead) > MAX_SLEEP_SECONDS:
                # After a sleep, tokens have expired that the monotonic clock believes in.
                if self._wall_ahead is not None:
                    self._begin()
                self._wall_ahead = ahead
            self._heard = now
            self._is_up_to_date = True

    def miss(self) -> None:
        """The feed was cut: believe nothing until it is up to date again."""
        with self._lock:
            self._is_up_to_date = False

    def begin(self) -> None:
        """The feed begins now, or anew: answers to questions from before are not believed."""
        with self._lock:
            self._begin()

    def revoke(self, identifier: str, epoch: int | None, now: Instant) -> None:
        """What depends on `identifier` has ended; with an epoch, what has a lower one."""
        with self._lock:
            self._place += 1
            found = self._revoked.pop(identifier, None) or _Revoked()
            found.at = now.mono
            if epoch is None:
                found.told = self._place
            else:
                found.raised, found.epoch = self._place, max(found.epoch, epoch)
            self._revoked[identifier] = found  # last
            # No answer is as old. Found at once: finding the first one of many takes long.
            begin = now.mono - KEEP_SECONDS
            old = takewhile(lambda one: one[1].at < begin, self._revoked.items())
            for key in [key for key, _ in old]:
                del self._revoked[key]
            if len(self._revoked) > MAX_REVOCATIONS:
                self._begin()

    def _begin(self) -> None:
        self._place += 1
        self._floor = self._place
        self._kept.clear()
        self._revoked.clear()

    # Rules; the lock is held

    def _was_heard_within(self, seconds: float, now: Instant) -> bool:
        heard = self._heard
        # By both clocks: the monotonic one stops while a machine sleeps.
        return (
            heard is not None
            and now.mono - heard.mono <= seconds
            and now.wall - heard.wall <= seconds
        )

    def _is_good(self, answer: Answer, now: Instant) -> bool:
        return now.mono < answer.ends and self._is_current(answer)

    def _is_current(self, answer: Answer) -> bool:
        if answer.asked == self._place:
            return True
        if answer.asked < self._floor:
            return False
        token, terms, asked = answer.token, answer.terms, answer.asked
        if (
            self._has_ended(token.session, asked)
            or self._has_ended(token.subscriber, asked, terms.epoch)
            or self._has_ended(token.project, asked, terms.project_epoch)
            or any(self._has_ended(one, asked) for one in terms.also)
        ):
            return False
        answer.asked = self._place
        return True

    def _has_ended(self, identifier: str, asked: int, epoch: int = -1) -> bool:
        found = self._revoked.get(identifier)
        if found is None:
            return False
        return found.told > asked or (found.raised > asked and found.epoch > epoch)


def _shorten(entries: dict[bytes, Any], size: int) -> None:
    """Drop the oldest entries of too many, some at a time: finding the first one takes long."""
    if len(entries) > size:
        for key in list(islice(entries, 1 + size // 64)):
            del entries[key]
