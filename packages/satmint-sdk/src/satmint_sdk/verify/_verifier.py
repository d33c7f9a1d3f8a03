"""The verifiers: kept answers first, the server otherwise."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from satmint_sdk._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from satmint_sdk._secrets import SecretText
from satmint_sdk.verify._core import KEPT_ANSWERS, Core, Wanted
from satmint_sdk.verify._feed import AsyncSource, SyncSource
from satmint_sdk.verify._questions import AsyncQuestions, SyncQuestions
from satmint_sdk.verify._replays import UsedProofs
from satmint_sdk.verify._token import Answer, VerifiedToken
from satmint_sdk.verify.errors import CannotVerify, RefusalCause

if TYPE_CHECKING:
    from satmint_sdk.rest import AsyncRestClient, RestClient

_TRIES: Final = 3


class Verifier(Core):
    """Verifies SATs for a service of one's own, with answers that are kept. Threads share it.

    A kept answer is as fresh as the server's feed of revocations: less than a second behind. While
    the feed is not heard, the server is asked for every request.

    Example:
        verifier = Verifier(RestClient(token="PT..."))  # an API token with `introspect`
        verified = verifier.verify(token, scope="sat:refresh")

    Args:
        client: Asks the server. Its API token needs the permission `introspect`, no other.
        kept_answers: How many answers are kept at most; 100,000 take 60 MB.
        stale_seconds: For how long kept answers are believed beyond 10 s without the feed, if the
            server cannot be asked either. 0: not at all, so that `CannotVerify` is raised.
        realm: The realm of challenges.
        max_proof_age: Seconds that a proof may be old.
        max_proof_ahead: Seconds that it may be ahead of this machine's clock.
        used_proofs: Remembers which proofs were used, if several processes share it. Otherwise each
            process does by itself, so that a proof may be used once in each.
        clock: The source of time.
        entropy: The source of jitter.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        client: RestClient,
        *,
        kept_answers: int = KEPT_ANSWERS,
        stale_seconds: float = 0.0,
        realm: str | None = None,
        max_proof_age: int = 300,
        max_proof_ahead: int = 60,
        used_proofs: UsedProofs | None = None,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        super().__init__(
            lambda: SyncSource(client),
            kept_answers=kept_answers,
            stale_seconds=stale_seconds,
            realm=realm,
            max_proof_age=max_proof_age,
            max_proof_ahead=max_proof_ahead,
            used_proofs=used_proofs,
            clock=clock,
            entropy=entropy,
        )
        self._questions = SyncQuestions(client, self._answers, clock)

    def verify(
        self,
        token: str,
        *,
        proof: str | None = None,
        method: str | None = None,
        url: str | None = None,
        scope: str | Iterable[str] = (),
        address: str | None = None,
    ) -> VerifiedToken:
        """Verify a SAT.

        Args:
            token: The SAT.
            proof: The proof in the request's `DPoP` header, if there is one.
            method: The method of the request; needed for bound tokens.
            url: The URL of the request as the client knows it; needed for bound tokens. Take it
                from configuration, never from the `Host` of a request.
            scope: The scopes that it must have, all of them.
            address: The id of an address that it must be good for.

        Raises:
            TokenRefused: It is not good for this; its `status` and `headers` are the answer.
            CannotVerify: The server cannot be asked.
            ValueError: There is a proof, but no method or URL.
        """
        wanted = self._wanted(proof, method, url, scope, address)
        hidden = SecretText(token)
        del token, proof  # reporters of errors show the variables of a frame
        now = self._clock.now()
        key, answer = self._find(hidden, wanted, now)
        if answer is None:
            answer = self._ask(key, hidden, wanted)
        used = self._check(answer, hidden, wanted, now)
        if used is not None:
            is_new = self._use(used)
            if inspect.isawaitable(is_new):
                raise TypeError("a store that is awaited needs an AsyncVerifier")
            if not is_new:
                raise self._refused(RefusalCause.PROOF_REPLAYED, wanted, bound=True)
        return answer.token

    def _ask(self, key: bytes, token: SecretText, wanted: Wanted) -> Answer:
        stale = self._stale_answer(key, failed=False)
        if stale is not None:
            return stale
        for _ in range(_TRIES):
            try:
                answer = self._questions.ask(key, token)
            except CannotVerify:
                stale = self._stale_answer(key, failed=True)
                if stale is None:
                    raise
                return stale
            if answer is None:
                raise self._refused(RefusalCause.TOKEN_INACTIVE, wanted)
            if self._answers.is_current(answer):
                return answer
        raise CannotVerify("what the token depends on changes all the time")

    def renew_after_fork(self) -> None:
        """Forget what the parent knew, and what its threads wait for."""
        super().renew_after_fork()
        self._questions.forget()

    def close(self) -> None:
        """Stop following the feed. The client stays open. `with` opens it again."""
        self._is_closed = True
        self._finalizer()

    def __enter__(self) -> Self:
        self._enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncVerifier(Core):
    """As `Verifier`, for asyncio: event loops may share it. Arguments and errors are the same.

    Example:
        async with AsyncRestClient() as client, AsyncVerifier(client) as verifier:
            verified = await verifier.verify(token)
    """

    def __init__(
        self,
        client: AsyncRestClient,
        *,
        kept_answers: int = KEPT_ANSWERS,
        stale_seconds: float = 0.0,
        realm: str | None = None,
        max_proof_age: int = 300,
        max_proof_ahead: int = 60,
        used_proofs: UsedProofs | None = None,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        super().__init__(
            lambda: AsyncSource(client),
            kept_answers=kept_answers,
            stale_seconds=stale_seconds,
            realm=realm,
            max_proof_age=max_proof_age,
            max_proof_ahead=max_proof_ahead,
            used_proofs=used_proofs,
            clock=clock,
            entropy=entropy,
        )
        self._questions = AsyncQuestions(client, self._answers, clock)

    async def verify(
        self,
        token: str,
        *,
        proof: str | None = None,
        method: str | None = None,
        url: str | None = None,
        scope: str | Iterable[str] = (),
        address: str | None = None,
    ) -> VerifiedToken:
        """Verify a SAT; see `Verifier.verify`."""
        wanted = self._wanted(proof, method, url, scope, address)
        hidden = SecretText(token)
        del token, proof
        now = self._clock.now()
        key, answer = self._find(hidden, wanted, now)
        if answer is None:
            answer = await self._ask(key, hidden, wanted)
        used = self._check(answer, hidden, wanted, now)
        if used is not None:
            is_new = self._use(used)
            if not (await is_new if inspect.isawaitable(is_new) else is_new):
                raise self._refused(RefusalCause.PROOF_REPLAYED, wanted, bound=True)
        return answer.token

    async def _ask(self, key: bytes, token: SecretText, wanted: Wanted) -> Answer:
        stale = self._stale_answer(key, failed=False)
        if stale is not None:
            return stale
        for _ in range(_TRIES):
            try:
                answer = await self._questions.ask(key, token)
            except CannotVerify:
                stale = self._stale_answer(key, failed=True)
                if stale is None:
                    raise
                return stale
            if answer is None:
                raise self._refused(RefusalCause.TOKEN_INACTIVE, wanted)
            if self._answers.is_current(answer):
                return answer
        raise CannotVerify("what the token depends on changes all the time")

    def renew_after_fork(self) -> None:
        """Forget what the parent knew, and what its loops wait for."""
        super().renew_after_fork()
        self._questions.forget()

    async def close(self) -> None:
        """Stop following the feed. The client stays open. `with` opens it again."""
        self._is_closed = True
        self._finalizer()

    async def __aenter__(self) -> Self:
        self._enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
