"""Names: e-mail addresses, slugs, origins, fingerprints. Shapes only; nothing is looked up."""

import re
import unicodedata
from typing import Final

_EMAIL: Final = re.compile(r"[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+")
_FINGERPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)
_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+", re.ASCII)
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,255}", re.ASCII)


def is_email(text: str) -> bool:
    """Whether `text` is an e-mail address as far as its form goes."""
    return len(text) <= 255 and _EMAIL.fullmatch(text) is not None


def is_fingerprint(text: str) -> bool:
    """Whether `text` has the form of an RFC 7638 SHA-256 thumbprint."""
    return _FINGERPRINT.fullmatch(text) is not None


def is_slug(text: str) -> bool:
    """Whether `text` can stand in an address: lower-case letters, digits and inner hyphens."""
    return _SLUG.fullmatch(text) is not None


def is_origin(text: str) -> bool:
    """Whether `text` is a web origin (RFC 6454): scheme, host and maybe a port, nothing more."""
    return _ORIGIN.fullmatch(text) is not None


def slug(text: str) -> str:
    """`text` as a slug; `subscriber` where nothing of it can be kept."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NOT_SLUG.sub("-", plain)[:48].strip("-") or "subscriber"
