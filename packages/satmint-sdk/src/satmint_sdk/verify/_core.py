"""What both verifiers have in common: what is known of a token, and what is required of it."""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
import weakref
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, NoReturn

from satmint_sdk._ambient import Clock, Entropy, Instant
from satmint_sdk._forks import renew_in_children
from satmint_sdk._public import PublicDir
from satmint_sdk._secrets import SecretText
from satmint_sdk.verify._answers import AnswerCounts, Answers
from satmint_sdk.verify._feed import Feed, FeedState, Source
from satmint_sdk.verify._proofs import Proof, ProofRefused, ProofRules, check_proof
from satmint_sdk.verify._replays import MemoryUsedProofs, ReplaysFull, UsedProofs, name_of
from satmint_sdk.verify._token import Answer, VerifiedToken
from satmint_sdk.verify.errors import CannotVerify, RefusalCause, TokenRefused

KEPT_ANSWERS: Final = 100_000
_MAX_TOKEN_CHARS: Final = 8192
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+){3}")
"""JWE compact serialization (RFC 7516, section 7.1)."""
_SLACK_SECONDS: Final = 5
_AWAY_SECONDS: Final = 1.0
"""For how long a server that cannot be asked is not asked again, if there is a stale answer."""


@dataclass(frozen=True, slots=True)
class VerifierState:
    """What a verifier knows, for metrics and health checks.

    Attributes:
        answers: The answers that are kept.
        feed: The feed of revocations.
    """

    answers: AnswerCounts
    feed: FeedState


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is required of a token."""

    proof: SecretText | None
    method: str | None
    url: str | None
    scope: frozenset[str]
    address: str | None


class Core(PublicDir):
    """What both verifiers have in common."""

    def __init__(
        self,
        source: Callable[[], Source],
        *,
        kept_answers: int,
        stale_seconds: float,
        realm: str | None,
        max_proof_age: int,
        max_proof_ahead: int,
        used_proofs: UsedProofs | None,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        if kept_answers < 1 or stale_seconds < 0 or max_proof_age < 1 or max_proof_ahead < 0:
            raise ValueError("kept_answers and max_proof_age must be positive, and none negative")
        if realm is not None and not (realm.isascii() and realm.isprintable()):
            raise ValueError("realm must be printable ASCII")
        self._clock = clock
        self._realm = realm
        self._stale = stale_seconds
        self._rules = ProofRules(max_proof_age, max_proof_ahead)
        self._used: UsedProofs = used_proofs or MemoryUsedProofs(clock)
        self._answers = Answers(kept_answers, clock)
        self._new_feed = functools.partial(Feed, source, self._answers, clock, entropy)
        self._away_until = 0.0
        self._open()
        renew_in_children(self)

    def _open(self) -> None:
        """Follow the feed from the first use on."""
        self._feed = self._new_feed()
        self._is_closed = False
        self._finalizer = weakref.finalize(self, self._feed.close)
        self._finalizer.atexit = False

    @property
    def state(self) -> VerifierState:
        """What it knows now."""
        return VerifierState(self._answers.counts, self._feed.state())

    def start(self) -> None:
        """Follow the feed from now on, not only from the first token on.

        Call it in the process that verifies: a forked child begins anew.
        """
        self._raise_if_closed()
        self._feed.start()

    def _enter(self) -> None:
        """Follow the feed from now on, of a verifier that was closed, too: it knows nothing."""
        if self._is_closed:
            self._answers.forget()
            self._open()
        self.start()

    def renew_after_fork(self) -> None:
        """Forget what the parent knew: its feed does not come here."""
        self._answers.forget()
        self._feed.forget()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a verifier follows a feed, and cannot be pickled")

    def _raise_if_closed(self) -> None:
        if self._is_closed:
            raise RuntimeError("the verifier is closed")

    def _wanted(
        self,
        proof: str | None,
        method: str | None,
        url: str | None,
        scope: str | Iterable[str],
        address: str | None,
    ) -> Wanted:
        if proof is not None and (method is None or url is None):
            raise ValueError("a proof is for a method and a URL: give both")
        hidden = None if proof is None else SecretText(proof)
        return Wanted(
            hidden, None if method is None else method.upper(), url, scopes_of(scope), address
        )

    def _refused(
        self, cause: RefusalCause, wanted: Wanted, *, bound: bool = False, skew: int | None = None
    ) -> TokenRefused:
        is_bound = bound or wanted.proof is not None
        if cause is RefusalCause.TOKEN_NOT_BOUND:
            is_bound = False
        return TokenRefused(cause, bound=is_bound, realm=self._realm, scope=wanted.scope, skew=skew)

    def _find(self, token: SecretText, wanted: Wanted, now: Instant) -> tuple[bytes, Answer | None]:
        """The key of a token, and a kept answer.

        Raises:
            TokenRefused: It is no token, or was refused a moment ago.
        """
        self._raise_if_closed()
        self._feed.start()
        # In functions of their own: reporters of errors show the variables of a frame.
        key = _key_of(token)
        if key is None:
            raise self._refused(RefusalCause.TOKEN_MALFORMED, wanted)
        answer = self._answers.find(key, now)
        if answer is None:
            if not _has_form(token):
                raise self._refused(RefusalCause.TOKEN_MALFORMED, wanted)
            if self._answers.is_refused(key, now):
                raise self._refused(RefusalCause.TOKEN_INACTIVE, wanted)
        return key, answer

    def _stale_answer(self, key: bytes, *, failed: bool) -> Answer | None:
        """A kept answer to believe although the feed is not heard, if the server is away."""
        if not self._stale:
            return None
        now = self._clock.now()
        if failed:
            self._away_until = now.mono + _AWAY_SECONDS
        if now.mono >= self._away_until:
            return None
        return self._answers.find_stale(key, now, self._stale)

    def _check(
        self, answer: Answer, token: SecretText, wanted: Wanted, now: Instant
    ) -> Proof | None:
        """Check what is required; returns the proof, which must not have been used.

        Raises:
            TokenRefused: Something that is required is missing.
        """
        known = answer.token
        proof = self._proof(known, token, wanted, now)
        bound = known.jkt is not None
        if not wanted.scope <= known.scope:
            raise self._refused(RefusalCause.SCOPE_MISSING, wanted, bound=bound)
        if (
            wanted.address is not None
            and known.addresses is not None
            and wanted.address not in known.addresses
        ):
            raise self._refused(RefusalCause.ADDRESS_NOT_ALLOWED, wanted, bound=bound)
        return proof

    def _proof(
        self, known: VerifiedToken, token: SecretText, wanted: Wanted, now: Instant
    ) -> Proof | None:
        if known.jkt is None:
            if wanted.proof is not None:
                raise self._refused(RefusalCause.TOKEN_NOT_BOUND, wanted)
            return None
        if wanted.proof is None or wanted.method is None or wanted.url is None:
            raise self._refused(RefusalCause.PROOF_MISSING, wanted, bound=True)
        try:
            proof = check_proof(
                wanted.proof.reveal(),
                method=wanted.method,
                url=wanted.url,
                token=token.reveal(),
                rules=self._rules,
                now=now.wall,
            )
        except ProofRefused as refused:
            cause, skew = refused.cause, refused.skew
        else:
            if hmac.compare_digest(proof.jkt, known.jkt):
                return proof
            cause, skew = RefusalCause.PROOF_KEY_MISMATCH, None
        # Not where it is caught: the frames of what was caught hold the token.
        raise self._refused(cause, wanted, bound=True, skew=skew)

    def _use(self, proof: Proof) -> bool | Awaitable[bool]:
        seconds = self._rules.max_age + self._rules.max_ahead + _SLACK_SECONDS
        try:
            return self._used.use(name_of(proof), seconds)
        except ReplaysFull:
            raise CannotVerify("too many proofs were used in the last minutes") from None


def scopes_of(scope: str | Iterable[str]) -> frozenset[str]:
    """Scopes, from a text with spaces between them or from several."""
    return frozenset(scope.split() if isinstance(scope, str) else scope)


def _key_of(token: SecretText) -> bytes | None:
    """What an answer is kept under; `None` if it is too long for a token, or not ASCII."""
    text = token.reveal()
    if len(text) > _MAX_TOKEN_CHARS or not text.isascii():
        return None
    return hashlib.sha256(text.encode()).digest()


def _has_form(token: SecretText) -> bool:
    """Whether it has the form of a SAT."""
    return _TOKEN.fullmatch(token.reveal()) is not None
