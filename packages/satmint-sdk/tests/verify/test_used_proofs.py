"""Proofs that were used: once each, for as long as they could be used again, and bounded."""

from __future__ import annotations

from typing import Any

import pytest

from kit.verifying import FakeSatmint, active, token_of
from satmint_sdk.credentials import DPoPKey
from satmint_sdk.rest import AsyncRestClient, RestClient
from satmint_sdk.testing import FakeClock
from satmint_sdk.verify import (
    AsyncVerifier,
    CannotVerify,
    RefusalCause,
    TokenRefused,
    Verifier,
    _replays,
)
from satmint_sdk.verify._proofs import Proof
from satmint_sdk.verify._replays import MemoryUsedProofs, ReplaysFull, name_of

TOKEN = token_of(1)
GET: dict[str, Any] = {"method": "GET", "url": "https://api.example.com/"}


class Store:
    """A store of the caller's, which several verifiers share."""

    def __init__(self) -> None:
        self.used: dict[str, int] = {}

    def use(self, proof: str, seconds: int) -> bool:
        is_new = proof not in self.used
        self.used[proof] = seconds
        return is_new


class AwaitedStore(Store):
    """The same, to be awaited."""

    async def use(self, proof: str, seconds: int) -> bool:  # type: ignore[override]
        return super().use(proof, seconds)


@pytest.fixture
def key(clock: FakeClock) -> DPoPKey:
    return DPoPKey.generate(clock=clock)


def a_verifier(clock: FakeClock, key: DPoPKey, **options: Any) -> Verifier:
    """One that has no feed: the server is asked each time."""
    client = RestClient("p", "t", "127.0.0.1:1")
    fake = FakeSatmint()
    fake.answers = {TOKEN: active(cnf={"jkt": key.thumbprint})}
    verifier = Verifier(client, clock=clock, **options)
    verifier._questions._client = fake  # type: ignore[assignment]
    return verifier


def proof_of(key: DPoPKey, **more: Any) -> str:
    return key.http_proof("GET", GET["url"], access_token=TOKEN, **more)


def test_proof_is_remembered_for_as_long_as_it_could_be_used_again(
    clock: FakeClock, key: DPoPKey
) -> None:
    with a_verifier(clock, key) as verifier:
        ahead = proof_of(key, issued_at=int(clock.now().wall) + 60)
        verifier.verify(TOKEN, proof=ahead, **GET)
        for _ in range(359):
            clock.sleep(1)
            with pytest.raises(TokenRefused) as refused:
                verifier.verify(TOKEN, proof=ahead, **GET)
            assert refused.value.cause is RefusalCause.PROOF_REPLAYED
        clock.sleep(2)
        with pytest.raises(TokenRefused) as refused:
            verifier.verify(TOKEN, proof=ahead, **GET)
        assert refused.value.cause is RefusalCause.PROOF_TIME


def test_proof_that_was_used_is_forgotten_in_the_end(clock: FakeClock) -> None:
    used = MemoryUsedProofs(clock)
    for number in range(1000):
        assert used.use(f"proof-{number}", 365)
        assert not used.use(f"proof-{number}", 365)
        clock.sleep(1)
    assert sum(map(len, used._slices.values())) <= 365 * 9 / 8 + 50


def test_nothing_is_forgotten_early_when_there_are_too_many(
    clock: FakeClock, key: DPoPKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_replays, "MAX_PROOFS", 10)
    used = MemoryUsedProofs(clock)
    assert all(used.use(str(number), 365) for number in range(10))
    with pytest.raises(ReplaysFull):
        used.use("one more", 365)
    assert not used.use("0", 365)
    with a_verifier(clock, key, used_proofs=used) as verifier:
        with pytest.raises(CannotVerify, match="too many proofs"):
            verifier.verify(TOKEN, proof=proof_of(key), **GET)
        clock.sleep(500)
        verifier.verify(TOKEN, proof=proof_of(key), **GET)


def test_store_of_the_callers_is_shared_and_sees_no_secret(clock: FakeClock, key: DPoPKey) -> None:
    store, proof = Store(), proof_of(key)
    options = {"used_proofs": store, "max_proof_age": 30, "max_proof_ahead": 5}
    with a_verifier(clock, key, **options) as one, a_verifier(clock, key, **options) as two:
        one.verify(TOKEN, proof=proof, **GET)
        with pytest.raises(TokenRefused):
            two.verify(TOKEN, proof=proof, **GET)
        with pytest.raises(TokenRefused):  # it is not used up by what fails for another reason
            two.verify(TOKEN, proof=proof_of(key), scope="missing", **GET)
    ((name, seconds),) = store.used.items()
    assert len(name) == 43
    assert seconds == 40


def test_store_that_is_awaited_needs_the_verifier_that_awaits(
    clock: FakeClock, key: DPoPKey
) -> None:
    class NotAwaited(Store):
        def use(self, proof: str, seconds: int) -> Any:
            return AwaitedStore().use(proof, seconds)

    with (
        a_verifier(clock, key, used_proofs=NotAwaited()) as verifier,
        pytest.warns(RuntimeWarning, match="never awaited"),
        pytest.raises(TypeError, match="AsyncVerifier"),
    ):
        verifier.verify(TOKEN, proof=proof_of(key), **GET)


async def test_store_is_awaited(clock: FakeClock, key: DPoPKey) -> None:
    fake = FakeSatmint(is_async=True)
    fake.answers = {TOKEN: active(cnf={"jkt": key.thumbprint})}
    async with (
        AsyncRestClient("p", "t", "127.0.0.1:1") as client,
        AsyncVerifier(client, clock=clock, used_proofs=AwaitedStore()) as verifier,
    ):
        verifier._questions._client = fake  # type: ignore[assignment]
        proof = proof_of(key)
        assert (await verifier.verify(TOKEN, proof=proof, **GET)).jkt == key.thumbprint
        with pytest.raises(TokenRefused):
            await verifier.verify(TOKEN, proof=proof, **GET)


def test_same_id_of_another_key_is_another_proof() -> None:
    names = {name_of(Proof(jkt, jti, 1)) for jkt, jti in [("a", "b"), ("a", "c"), ("c", "b")]}
    assert len(names) == 3
    assert name_of(Proof("a", "b", 1)) == name_of(Proof("a", "b", 2))
