"""The keyring: exactly one key writes, all read, and none is ever shown."""

import json
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import KeySet, OctKey

from satmint.jose import Keyring, KeyringError, KeyState, MasterKey
from satmint.model.base64url import b64url
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy

ENTROPY: Final = SeededEntropy("keyring")
RING: Final = Keyring.new(ENTROPY, NOW)


def entry(**changes: object) -> dict[str, object]:
    """A key as a keyring file spells it; None takes a member away."""
    usual: dict[str, object] = {"kty": "oct", "kid": "one", "k": b64url(bytes(32))}
    merged = {**usual, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def jwks(*keys: object) -> str:
    return json.dumps({"keys": keys})


def test_new_keyring_has_one_active_key_of_256_bits() -> None:
    (key,) = RING.keys
    assert RING.active is key
    assert (key.state, key.created_at, len(key.secret)) == (KeyState.ACTIVE, NOW, 32)
    assert len(key.id) == 12
    assert int(key.id, 16) >= 0


def test_rotation_puts_a_new_key_in_front_and_retires_the_others() -> None:
    once = RING.rotate(ENTROPY, NOW + 5)
    twice = once.rotate(ENTROPY, NOW + 9)
    assert [key.state for key in twice.keys] == [
        KeyState.ACTIVE,
        KeyState.RETIRED,
        KeyState.RETIRED,
    ]
    assert [key.created_at for key in twice.keys] == [NOW + 9, NOW + 5, NOW]
    assert twice.keys[2] == replace(RING.active, state=KeyState.RETIRED)
    assert len({key.secret for key in twice.keys}) == 3
    assert RING.active.state is KeyState.ACTIVE


def test_key_that_lies_ready_takes_over_at_the_next_rotation() -> None:
    prepared = RING.add(ENTROPY, NOW + 5)
    assert [key.state for key in prepared.keys] == [KeyState.NEXT, KeyState.ACTIVE]
    assert prepared.active == RING.active
    rotated = prepared.rotate(ENTROPY, NOW + 900)
    assert rotated.prepared is None
    assert [key.id for key in rotated.keys] == [key.id for key in prepared.keys]
    assert [key.state for key in rotated.keys] == [KeyState.ACTIVE, KeyState.RETIRED]
    assert (rotated.active.created_at, rotated.active.active_since) == (NOW + 5, NOW + 900)
    assert Keyring.from_jwks(rotated.to_jwks()) == rotated
    assert Keyring.from_jwks(prepared.to_jwks()) == prepared


def test_no_more_than_one_key_lies_ready() -> None:
    prepared = RING.add(ENTROPY, NOW)
    with pytest.raises(KeyringError) as refusal:
        prepared.add(ENTROPY, NOW)
    assert (
        str(refusal.value)
        == f"{prepared.keys[0].id} is prepared already: run `satmint keys rotate`"
    )


def test_key_that_lies_ready_can_be_forgotten() -> None:
    prepared = RING.add(ENTROPY, NOW)
    assert prepared.remove(prepared.keys[0].id) == RING


def test_retired_key_can_be_forgotten() -> None:
    rotated = RING.rotate(ENTROPY, NOW)
    assert rotated.remove(RING.active.id) == Keyring(rotated.keys[:1])


@pytest.mark.parametrize(
    ("key_id", "message"),
    [
        ("active", "the active key cannot be removed: rotate first"),
        ("nobody", "the keyring has no key with that id"),
    ],
)
def test_key_that_writes_or_that_is_not_there_cannot_be_forgotten(
    key_id: str, message: str
) -> None:
    rotated = RING.rotate(ENTROPY, NOW)
    with pytest.raises(KeyringError) as refusal:
        rotated.remove(rotated.active.id if key_id == "active" else key_id)
    assert str(refusal.value) == message


@given(st.integers(0, 5), st.text())
def test_keyring_is_read_as_it_was_written(rotations: int, seed: str) -> None:
    entropy = SeededEntropy(repr(seed))
    ring = Keyring.new(entropy, NOW)
    for step in range(rotations):
        ring = ring.rotate(entropy, NOW + step)
    assert Keyring.from_jwks(ring.to_jwks()) == ring


def test_file_is_a_jwk_set_that_joserfc_reads() -> None:
    rotated = RING.rotate(ENTROPY, NOW)
    keys = KeySet.import_key_set(json.loads(rotated.to_jwks())).keys
    assert [key.raw_value for key in keys if isinstance(key, OctKey)] == [
        key.secret for key in rotated.keys
    ]
    assert [key.kid for key in keys] == [key.id for key in rotated.keys]


def test_key_without_our_members_is_active_and_of_unknown_age() -> None:
    ring = Keyring.from_jwks(jwks(entry(use="enc", alg="dir")))
    assert ring.keys == (MasterKey("one", KeyState.ACTIVE, 0, bytes(32)),)


NOT_A_SET = "the keyring is not a JWK Set of 256-bit oct keys"
NOT_A_KEY = "every key of the keyring must be an oct key with a kid"
BAD_ID = "a key id is 1 to 64 letters, digits, - and _"
NO_ACTIVE = "a keyring has exactly one active key"
BAD_SIZE = "every key of the keyring must be 256 bits long"
BAD_AGE = "satmint:created_at must be an integer"
BAD_SINCE = "satmint:active_since must be an integer"
TWO_READY = "a keyring has at most one next key"
NEXT: Final[dict[str, Any]] = {"satmint:state": "next"}
TWINS = "two keys of the keyring share an id"
OTHER: Final[dict[str, Any]] = {"kid": "two", "satmint:state": "retired"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", NOT_A_SET),
        ("{", NOT_A_SET),
        ("null", NOT_A_SET),
        ("7", NOT_A_SET),
        ("[]", NOT_A_SET),
        ('"keys"', NOT_A_SET),
        ("{}", NOT_A_SET),
        ('{"keys":null}', NOT_A_SET),
        ('{"keys":7}', NOT_A_SET),
        ('{"keys":{"kty":"oct"}}', NOT_A_KEY),
        ('{"keys":"oct"}', NOT_A_KEY),
        (jwks(), NO_ACTIVE),
        (jwks(7), NOT_A_KEY),
        (jwks(None), NOT_A_KEY),
        (jwks({}), NOT_A_KEY),
        (jwks(entry(kty="RSA")), NOT_A_KEY),
        (jwks(entry(kty=None)), NOT_A_KEY),
        (jwks(entry(kid=None)), NOT_A_KEY),
        (jwks(entry(kid=7)), NOT_A_KEY),
        (jwks(entry(k=None)), NOT_A_KEY),
        (jwks(entry(k=7)), NOT_A_KEY),
        (jwks(entry(kid="")), BAD_ID),
        (jwks(entry(kid="a.b")), BAD_ID),
        (jwks(entry(kid="a b")), BAD_ID),
        (jwks(entry(kid="é")), BAD_ID),
        (jwks(entry(kid="a\n")), BAD_ID),
        (jwks(entry(kid="a" * 65)), BAD_ID),
        (jwks(entry(k="")), BAD_SIZE),
        (jwks(entry(k=b64url(bytes(32)) + "=")), NOT_A_SET),
        (jwks(entry(k=b64url(bytes(32))[:-1] + "B")), NOT_A_SET),
        (jwks(entry(k="+" * 43)), NOT_A_SET),
        (jwks(entry(k=b64url(bytes(31)))), BAD_SIZE),
        (jwks(entry(k=b64url(bytes(33)))), BAD_SIZE),
        (jwks(entry(k=b64url(bytes(16)))), BAD_SIZE),
        (jwks(entry(), entry(**OTHER, k=b64url(bytes(16)))), BAD_SIZE),
        (jwks(entry(**{"satmint:state": "retired"})), NO_ACTIVE),
        (jwks(entry(), entry(kid="two")), NO_ACTIVE),
        (jwks(entry(**{"satmint:state": "lost"})), NOT_A_SET),
        (jwks(entry(**{"satmint:state": 7})), NOT_A_SET),
        (jwks(entry(), entry(**{"satmint:state": "retired"})), TWINS),
        (jwks(entry(**{"satmint:created_at": "today"})), BAD_AGE),
        (jwks(entry(**{"satmint:created_at": True})), BAD_AGE),
        (jwks(entry(**{"satmint:created_at": 1.5})), BAD_AGE),
        (jwks(entry(**{"satmint:active_since": "today"})), BAD_SINCE),
        (jwks(entry(**{"satmint:state": "next"})), NO_ACTIVE),
        (jwks(entry(), *(entry(kid=kid, **NEXT) for kid in ("two", "three"))), TWO_READY),
    ],
)
def test_bad_keyring_is_refused_in_one_sentence_without_key_material(
    text: str, message: str
) -> None:
    with pytest.raises(KeyringError) as refusal:
        Keyring.from_jwks(text)
    assert str(refusal.value) == message


@given(st.text())
def test_any_text_is_a_keyring_or_refused(text: str) -> None:
    with pytest.raises(KeyringError):
        Keyring.from_jwks(text)


def test_nothing_but_the_file_shows_a_key() -> None:
    secret = RING.active.secret
    spellings = (secret.hex(), b64url(secret), repr(secret)[2:-1])
    for shown in (repr(RING), str(RING), repr(RING.active), f"{RING.keys}"):
        assert RING.active.id in shown
        assert not any(spelling in shown for spelling in spellings)
    assert b64url(secret) in RING.to_jwks()


def test_keyring_file_is_indented_by_two_and_ends_with_a_line_feed() -> None:
    text = RING.to_jwks()
    assert text == json.dumps(json.loads(text), indent=2) + "\n"
    assert text.startswith('{\n  "keys": [\n    {\n      "kty": "oct",\n')
