"""Idempotency keys: a repeated request makes nothing twice.

The header is that of draft-ietf-httpapi-idempotency-key-header-07. Its value is a string of
structured fields (RFC 9651, section 3.3.3); a bare word, as clients of other services send it, is
read as the same key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

MAX_KEY_CHARS: Final = 255
KEPT_SECONDS: Final = 86_400
"""How long a request with a key is remembered."""

_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"', re.ASCII)
_BARE: Final = re.compile(r"[!#$%&'()*+\-./0-9:;<=>?@A-Z\[\]^_`a-z{|}~]+", re.ASCII)
_ESCAPED: Final = re.compile(r'\\(["\\])')


class InvalidKey(ValueError):
    """The header has no valid key. The message says what a valid one is, without the value."""

    def __init__(self) -> None:
        super().__init__(
            f"must be one string in double quotes, or one word, of 1 to {MAX_KEY_CHARS} visible"
            " ASCII characters"
        )


def read_key(values: Sequence[str]) -> str:
    """The key in the `Idempotency-Key` headers of a request.

    Args:
        values: The value of each of these headers.

    Raises:
        InvalidKey: there is not exactly one, or its value is malformed.
    """
    if len(values) != 1:
        raise InvalidKey
    value = values[0].strip(" \t")
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        key = _ESCAPED.sub(r"\1", quoted[1])
    elif _BARE.fullmatch(value) is not None:
        key = value
    else:
        raise InvalidKey
    if not 1 <= len(key) <= MAX_KEY_CHARS:
        raise InvalidKey
    return key


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with an idempotency key that makes a resource. Stored with the resource."""

    project: UUID
    key_digest: bytes
    """SHA-256 of the caller, the method, the path and the key."""
    request_digest: bytes = field(repr=False)
    """A MAC of the body, whose key is derived from the master key and `salt`."""
    master_key: str
    """The id of the master key."""
    salt: bytes
    """Random. With the master key, the secret of the resource is derived from it again."""
    resource: UUID
    """The id of what the request makes."""
    forget_at: int
    """Unix seconds at which a request with this key is a new one."""
