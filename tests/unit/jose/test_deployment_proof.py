"""Proofs that two processes have the same keyring."""

import pytest

from satmint.jose import Keyring, answer_challenge, is_answer, new_challenge
from satmint.jose.deployment_proof import MAX_AGE_SECONDS
from satmint.model.entropy import SystemEntropy
from tests.kit.clock import NOW

ENTROPY = SystemEntropy()
KEYRING = Keyring.new(ENTROPY, NOW)


def test_server_with_the_keyring_answers() -> None:
    challenge = new_challenge(KEYRING, ENTROPY, NOW)
    answer = answer_challenge(KEYRING, challenge, NOW)
    assert answer is not None
    assert is_answer(KEYRING, challenge, answer)
    assert not is_answer(KEYRING, new_challenge(KEYRING, ENTROPY, NOW), answer)
    assert not is_answer(KEYRING, challenge, answer[:-1] + "\u00e9")


def test_server_that_has_rotated_since_answers() -> None:
    challenge = new_challenge(KEYRING, ENTROPY, NOW)
    answer = answer_challenge(KEYRING.rotate(ENTROPY, NOW), challenge, NOW)
    assert answer is not None
    assert is_answer(KEYRING, challenge, answer)


def test_another_keyring_neither_answers_nor_passes() -> None:
    other = Keyring.new(ENTROPY, NOW)
    challenge = new_challenge(KEYRING, ENTROPY, NOW)
    assert answer_challenge(other, challenge, NOW) is None
    # Also one whose key has the same id.
    (key,) = other.keys
    forged = Keyring((type(key)(KEYRING.active.id, key.state, NOW, key.secret),))
    assert answer_challenge(forged, challenge, NOW) is None
    answer = answer_challenge(forged, new_challenge(forged, ENTROPY, NOW), NOW)
    assert answer is not None
    assert not is_answer(KEYRING, challenge, answer)
    assert not is_answer(other, challenge, answer)


@pytest.mark.parametrize("age", [-MAX_AGE_SECONDS - 1, MAX_AGE_SECONDS + 1])
def test_old_challenge_is_not_answered(age: int) -> None:
    challenge = new_challenge(KEYRING, ENTROPY, NOW)
    assert answer_challenge(KEYRING, challenge, NOW + age) is None
    assert answer_challenge(KEYRING, challenge, NOW + age // (MAX_AGE_SECONDS + 1)) is not None


def test_changed_challenge_is_not_answered() -> None:
    challenge = new_challenge(KEYRING, ENTROPY, NOW)
    key, time, salt, mac = challenge.split(".")
    assert answer_challenge(KEYRING, f"{key}.{int(time) + 1}.{salt}.{mac}", NOW) is None
    for malformed in ("", "x", "a.b.c.d", f"{key}.{time}.{salt}", f"{challenge}.", "\u00e9"):
        assert answer_challenge(KEYRING, malformed, NOW) is None
        assert not is_answer(KEYRING, malformed, "")
