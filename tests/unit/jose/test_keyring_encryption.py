"""A keyring under a key of its own: an encrypted JWK Set, as RFC 7517 has it."""

import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from joserfc import jwe
from joserfc.jwk import OctKey

from satmint.jose import Keyring, KeyringError, is_wrapped, unwrap, wrap
from satmint.model.base64url import b64url, b64url_decode
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy

KEY = SeededEntropy("kek").take(32)
RING = Keyring.new(SeededEntropy(), NOW).rotate(SeededEntropy("later"), NOW)
DAMAGED = "the wrapped keyring is damaged, or was tampered with"


def why_not(text: str, key: bytes = KEY) -> str:
    with pytest.raises(KeyringError) as refusal:
        unwrap(text, key)
    return str(refusal.value)


def with_header(text: str, **changes: object) -> str:
    segment, _, rest = text.partition(".")
    members = {**json.loads(b64url_decode(segment)), **changes}
    kept = {name: value for name, value in members.items() if value is not None}
    return f"{b64url(json.dumps(kept).encode())}.{rest}"


def test_wrapped_keyring_is_unwrapped_unchanged() -> None:
    text = wrap(RING, KEY, SeededEntropy())
    assert is_wrapped(text)
    assert not is_wrapped(RING.to_jwks())
    assert unwrap(text, KEY) == RING
    assert wrap(RING, KEY, SeededEntropy("other")) != text


def test_joserfc_opens_it_by_the_thumbprint_of_its_key() -> None:
    text = wrap(RING, KEY, SeededEntropy()).strip()
    key = OctKey.import_key(KEY)
    opened = jwe.decrypt_compact(text, key)
    assert opened.protected == {
        "alg": "dir",
        "enc": "A256GCM",
        "cty": "jwk-set+json",
        "kid": key.thumbprint(),
    }
    assert opened.plaintext == RING.to_jwks().encode()


def test_it_opens_what_joserfc_wraps() -> None:
    key = OctKey.import_key(KEY)
    header = {"alg": "dir", "enc": "A256GCM", "cty": "jwk-set+json", "kid": key.thumbprint()}
    assert unwrap(jwe.encrypt_compact(header, RING.to_jwks(), key), KEY) == RING


def test_any_other_key_is_called_another() -> None:
    text = wrap(RING, KEY, SeededEntropy())
    another = SeededEntropy("another").take(32)
    message = "keyring_kek is not the key that the keyring was wrapped with"
    assert why_not(text, another) == message
    # Whoever writes another name into it does not make it open.
    named = json.loads(b64url_decode(wrap(RING, another, SeededEntropy()).partition(".")[0]))
    assert why_not(with_header(text, kid=named["kid"]), another) == DAMAGED
    assert why_not(text, KEY[:16]) == "the key that wraps the keyring must be 256 bits long"


def test_every_single_character_matters() -> None:
    text = wrap(RING, KEY, SeededEntropy()).strip()
    for at, was in enumerate(text):
        spoiled = f"{text[:at]}{'A' if was != 'A' else 'B'}{text[at + 1 :]}"
        with pytest.raises(KeyringError):
            unwrap(spoiled, KEY)


def wrapped(
    changes: Mapping[str, object] = MappingProxyType({}),
    *,
    iv_bytes: int = 12,
    tag_bytes: int = 16,
    key: str = "",
) -> str:
    """A keyring under the right key and a valid tag, in another form than the one that we write.

    Args:
        changes: Members of the header; None: absent.
        iv_bytes: Length of the IV.
        tag_bytes: Where the text is split into ciphertext and tag.
        key: The encrypted key, which `dir` has none of.
    """
    members = {
        "alg": "dir",
        "enc": "A256GCM",
        "cty": "jwk-set+json",
        "kid": OctKey.import_key(KEY).thumbprint(),
        **changes,
    }
    kept = {name: value for name, value in members.items() if value is not None}
    header = b64url(json.dumps(kept).encode())
    iv = SeededEntropy("iv").take(iv_bytes)
    encryptor = Cipher(algorithms.AES(KEY), modes.GCM(iv.rjust(8, b"\0"))).encryptor()
    encryptor.authenticate_additional_data(header.encode())
    sealed = encryptor.update(RING.to_jwks().encode()) + encryptor.finalize() + encryptor.tag
    return ".".join(
        (header, key, b64url(iv), b64url(sealed[:-tag_bytes]), b64url(sealed[-tag_bytes:]))
    )


def test_form_that_is_changed_below_is_right_as_it_is() -> None:
    assert unwrap(wrapped(), KEY) == RING


@pytest.mark.parametrize(
    "changes",
    [{"alg": "none"}, {"alg": "A256GCMKW"}, {"enc": "A128GCM"}, {"zip": "DEF"}, {"cty": None},
     {"crit": ["x"]}, {"kid": None}],
    ids=str,
)  # fmt: skip
def test_algorithm_is_never_read_from_the_file(changes: dict[str, object]) -> None:
    """Whatever the header says, the key and the tag are right."""
    assert why_not(wrapped(changes)) == DAMAGED


@pytest.mark.parametrize("iv_bytes", [1, 7, 8, 11, 13, 16])
def test_iv_of_another_length_is_damaged(iv_bytes: int) -> None:
    assert why_not(wrapped(iv_bytes=iv_bytes)) == DAMAGED


@pytest.mark.parametrize("tag_bytes", [1, 12, 15, 17, 32])
def test_boundary_between_text_and_tag_that_was_moved_is_damaged(tag_bytes: int) -> None:
    assert why_not(wrapped(tag_bytes=tag_bytes)) == DAMAGED


def test_encrypted_key_beside_a_direct_one_is_damaged() -> None:
    assert why_not(wrapped(key="AAAA")) == DAMAGED


@pytest.mark.parametrize(
    "text", ["", "eyJ", "eyJ.x.y", "e30....", "bnVsbA....", "\xff.....", "W10...."]
)
def test_what_is_no_jwe_is_damaged(text: str) -> None:
    assert why_not(text) == DAMAGED


def test_what_is_wrapped_must_be_a_keyring() -> None:
    key = OctKey.import_key(KEY)
    header = {"alg": "dir", "enc": "A256GCM", "cty": "jwk-set+json", "kid": key.thumbprint()}
    for content in (b"{}", b"\xff\xfe"):
        text = jwe.encrypt_compact(header, content, key)
        assert why_not(text) == "the keyring is not a JWK Set of 256-bit oct keys"
