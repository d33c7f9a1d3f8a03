"""Sealed states: ours alone, for this alone, whatever was done to the text."""

from dataclasses import replace
from itertools import product
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from satmint.jose import CannotOpen, Keyring, TokenCipher
from satmint.jose.secret_box import SecretBox
from satmint.jose.state_cipher import MAX_STATE_CHARS, PURPOSE, StateCipher
from satmint.jose.token_cipher import derive_working_key
from satmint.model.base64url import b64url, b64url_decode
from satmint.model.claims import Claims, Kind, TokenType
from satmint.model.live import ResumeState
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy

RING = Keyring.new(SeededEntropy("ring"), NOW)
SAFE = StateCipher(lambda: RING, SeededEntropy("safe"))
STATE = ResumeState(UUID(int=1), UUID(int=2), UUID(int=3), "x_1_2", True, NOW + 60)
SEALED = SAFE.seal(STATE)
CLAIMS = Claims(
    iss="satmint",
    sub=UUID(int=2),
    prj=UUID(int=1),
    sid=UUID(int=3),
    gen=0,
    jti="x",
    iat=NOW,
    exp=NOW + 60,
    epo=0,
    kind=Kind.SUBSCRIBER,
    scope=(),
)


def test_what_is_sealed_opens_again_also_elsewhere() -> None:
    assert SAFE.open(SEALED) == STATE
    assert StateCipher(lambda: RING, SeededEntropy("another process")).open(SEALED) == STATE


def test_text_shows_nothing_and_is_never_the_same_twice() -> None:
    assert SAFE.seal(STATE) != SEALED
    master, salt, content = SEALED.split(".")
    assert master == RING.active.id
    assert len(b64url_decode(salt)) == 16
    assert b"x_1_2" not in b64url_decode(content)


def test_rotated_keyring_opens_what_it_sealed_before_and_a_removed_key_nothing() -> None:
    rotated = RING.rotate(SeededEntropy("rotation"), NOW)
    assert StateCipher(lambda: rotated, SeededEntropy()).open(SEALED) == STATE
    without = rotated.remove(RING.active.id)
    with pytest.raises(CannotOpen):
        StateCipher(lambda: without, SeededEntropy()).open(SEALED)


def test_another_deployment_opens_nothing() -> None:
    ring = Keyring.new(SeededEntropy("other"), NOW)
    other = StateCipher(lambda: ring, SeededEntropy())
    with pytest.raises(CannotOpen):
        other.open(SEALED)


def test_every_text_has_a_key_of_its_own() -> None:
    """So that no key ever meets two IVs (NIST SP 800-38D, section 8)."""
    cipher = StateCipher(lambda: RING, SeededEntropy())
    assert len({cipher.seal(STATE).split(".")[1] for _ in range(50)}) == 50


def test_keyring_of_the_moment_is_used() -> None:
    rings = [RING]
    cipher = StateCipher(lambda: rings[0], SeededEntropy())
    rings[0] = RING.rotate(SeededEntropy("rotation"), NOW)
    assert cipher.seal(STATE).split(".")[0] == rings[0].active.id != RING.active.id


def test_what_was_sealed_for_another_purpose_is_no_state() -> None:
    other = SecretBox(lambda: RING, SeededEntropy(), b"satmint/v1/Webhook", MAX_STATE_CHARS)
    with pytest.raises(CannotOpen):
        SAFE.open(other.seal(msgspec.json.encode(STATE)))


def test_token_is_no_state_and_a_state_no_token() -> None:
    tokens = TokenCipher(RING, SeededEntropy("tokens"))
    for typ in TokenType:
        token = tokens.seal(CLAIMS, typ, None, NOW)
        for text in (token, token.replace("..", "."), ".".join(token.split(".")[2:])):
            with pytest.raises(CannotOpen):
                SAFE.open(text)
        with pytest.raises(CannotOpen):
            tokens.open(SEALED, typ)


@pytest.mark.parametrize("typ", TokenType)
def test_key_of_a_token_type_is_not_the_key_of_a_state(typ: TokenType) -> None:
    """Not even something in the right shape, sealed by this very server for another purpose."""
    salt, iv = bytes(16), bytes(12)
    kid = f"{RING.active.id}.{b64url(salt)}"
    key: AESGCM = derive_working_key(RING.active.secret, salt, typ)
    sealed = key.encrypt(iv, msgspec.json.encode(STATE), b"%b %b" % (PURPOSE, kid.encode()))
    with pytest.raises(CannotOpen):
        SAFE.open(f"{kid}.{b64url(iv + sealed)}")


@pytest.mark.parametrize("at", range(0, len(SEALED), 7))
def test_text_that_was_changed_anywhere_is_refused(at: int) -> None:
    other = "B" if SEALED[at] != "B" else "C"
    with pytest.raises(CannotOpen) as refusal:
        SAFE.open(SEALED[:at] + other + SEALED[at + 1 :])
    assert str(refusal.value) == "not a token of this deployment"


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", "a.b.c", "é", "\ud800", SEALED + "=", SEALED + "\n", " " + SEALED),
        *(SEALED.rpartition(".")[0] + ".", SEALED.rpartition(".")[0] + ".AAAA"),
        SEALED + "A" * MAX_STATE_CHARS,
    ],
)
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(CannotOpen):
        SAFE.open(text)


@pytest.mark.parametrize("key_id", ["k" * 12, "k" * 13])
def test_state_has_at_most_2048_characters(key_id: str) -> None:
    """Longer ones are refused before they are decrypted, though they are ours."""
    ring = Keyring((replace(RING.active, id=key_id),))
    unlimited = SecretBox(lambda: ring, SeededEntropy(), PURPOSE, 10_000)
    cipher, lengths = StateCipher(lambda: ring, SeededEntropy()), set()
    for size in range(1260, 1290):
        state = msgspec.structs.replace(STATE, protocol="x" * size)
        text = unlimited.seal(msgspec.json.encode(state))
        lengths.add(len(text))
        if len(text) <= 2048:
            assert cipher.open(text) == state
        else:
            with pytest.raises(CannotOpen):
                cipher.open(text)
    assert lengths >= ({2047, 2048, 2050} if len(key_id) == 12 else {2048, 2049})


@pytest.mark.parametrize("plain", [b"", b"{}", b"[]", b"\xff", b'{"project":1}'])
def test_what_says_something_else_is_refused(plain: bytes) -> None:
    """Sealed with the right key, and still no state: of another version, perhaps."""
    secret_box = SecretBox(lambda: RING, SeededEntropy(), PURPOSE, MAX_STATE_CHARS)
    with pytest.raises(CannotOpen):
        SAFE.open(secret_box.seal(plain))


def test_form_of_sealed_texts_is_that_of_the_texts_in_databases() -> None:
    """Sealed secrets of webhooks are stored; every later version must open them."""
    text = SecretBox(lambda: RING, SeededEntropy(), b"purpose", 512).seal(b"content")
    kid, salt, data = text.split(".")
    assert kid == RING.active.id
    hkdf = HKDF(SHA256(), 32, b64url_decode(salt), b"purpose")
    iv, sealed = b64url_decode(data)[:12], b64url_decode(data)[12:]
    aad = f"purpose {kid}.{salt}".encode()
    assert AESGCM(hkdf.derive(RING.active.secret)).decrypt(iv, sealed, aad) == b"content"


@given(st.text(max_size=200))
def test_any_text_opens_or_is_refused(text: str) -> None:
    with pytest.raises(CannotOpen):
        SAFE.open(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.booleans())
def test_whatever_it_says_comes_back(protocol: str, online: bool) -> None:
    for subscriber, expires_at in product((UUID(int=0), UUID(int=(1 << 128) - 1)), (0, 1 << 53)):
        state = ResumeState(UUID(int=1), subscriber, UUID(int=3), protocol, online, expires_at)
        assert SAFE.open(SAFE.seal(state)) == state


@pytest.mark.parametrize(
    "change", [{"expires_at": str(NOW + 60)}, {"online": "true"}, {"online": 1}]
)
def test_value_of_another_type_is_not_converted(change: dict[str, object]) -> None:
    content = msgspec.json.encode({**msgspec.to_builtins(STATE), **change})
    box = SecretBox(lambda: RING, SeededEntropy("another"), PURPOSE, MAX_STATE_CHARS)
    with pytest.raises(CannotOpen):
        SAFE.open(box.seal(content))
