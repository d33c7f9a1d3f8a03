"""Base64url without padding (RFC 7515, section 2), in canonical form only."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(data: bytes) -> str:
    """Encode `data`."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Decode canonical base64url.

    Raises:
        ValueError: It is not: another alphabet, padding, or stray bits.
    """
    decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(decoded) != text:
        raise ValueError("not canonical base64url")
    return decoded
