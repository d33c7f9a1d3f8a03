"""Formats of e-mail addresses, slugs and fingerprints. Nothing is looked up."""

import re
import unicodedata
from typing import Final

_EMAIL: Final = re.compile(r"[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+")
_EMAIL_INSIDE: Final = re.compile(r"[^\s@]@[^\s@.]+(\.[^\s@.]+)+")
_FINGERPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_ROOM_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)
_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+", re.ASCII)


def is_email(text: str) -> bool:
    """Whether `text` has the form of an e-mail address."""
    return len(text) <= 255 and _EMAIL.fullmatch(text) is not None


def is_fingerprint(text: str) -> bool:
    """Whether `text` has the form of an RFC 7638 SHA-256 thumbprint."""
    return _FINGERPRINT.fullmatch(text) is not None


def is_slug(text: str) -> bool:
    """Whether `text` is a slug: lower-case letters, digits and inner hyphens."""
    return _SLUG.fullmatch(text) is not None


def is_room_name(text: str) -> bool:
    """Whether `text` may name a conference room, by the vendor's rule."""
    return _ROOM_NAME.fullmatch(text) is not None


def slug(text: str) -> str:
    """`text` as a slug; `subscriber` if no character can be kept."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NOT_SLUG.sub("-", plain)[:48].strip("-") or "subscriber"


def public_name(display_name: str | None, *names: str | None) -> str | None:
    """The name of a subscriber that guests and visitors may read; None if it has none.

    Args:
        display_name: The display name, which takes precedence.
        names: First and last name.

    A name that contains an e-mail address is not public.
    """
    for name in (display_name, " ".join(filter(None, names))):
        if name and name.strip() and _EMAIL_INSIDE.search(name) is None:
            return name
    return None


def reference_slug(reference: str) -> str:
    """A slug of a reference, without the domain if it is an e-mail address."""
    return slug(reference.partition("@")[0] or reference)
