"""Which 32 bytes can be a public key of Ed25519."""

from typing import Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from satmint.dpop._rfc8032 import is_valid_public_point
from tests.vectors.proof_keys import ED25519_PRIME as P
from tests.vectors.proof_keys import weak_points
from tests.vectors.proof_signers import ed25519_signer

NEUTRAL: Final = (1).to_bytes(32, "little") + bytes(32)
"""A signature of nobody: the neutral element, and zero."""


@pytest.mark.parametrize("name", [f"browser {number}" for number in range(20)])
def test_key_that_somebody_has_is_sound(name: str) -> None:
    key = ed25519_signer(name).private.public_key()
    assert isinstance(key, Ed25519PublicKey)
    assert is_valid_public_point(key.public_bytes_raw())


@pytest.mark.parametrize("point", weak_points().values(), ids=weak_points())
def test_weak_point_and_second_spelling_are_no_key(point: bytes) -> None:
    assert not is_valid_public_point(point)


def test_without_the_check_a_signature_of_nobody_would_hold_for_every_message() -> None:
    """What the check is there for: the library itself takes such a key."""
    key = Ed25519PublicKey.from_public_bytes((1).to_bytes(32, "little"))
    key.verify(NEUTRAL, b"any message")
    key.verify(NEUTRAL, b"any other")


@given(st.integers(0, P - 1), st.booleans())
def test_what_is_on_the_curve_is_found_by_taking_a_root(y: int, odd: bool) -> None:
    """A second opinion: RFC 8032, section 5.1.3, step by step."""
    d = -121665 * pow(121666, -1, P) % P
    u, v = (y * y - 1) % P, (d * y * y + 1) % P
    x = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    on_curve = v * x * x % P in (u, -u % P)
    point = (y | odd << 255).to_bytes(32, "little")
    if point not in weak_points().values():
        assert is_valid_public_point(point) is on_curve


@given(st.binary(min_size=32, max_size=32))
def test_library_takes_no_signature_of_nobody_by_a_sound_point(point: bytes) -> None:
    if is_valid_public_point(point):
        with pytest.raises(InvalidSignature):
            Ed25519PublicKey.from_public_bytes(point).verify(NEUTRAL, b"any message")
