"""What anybody can read of a token."""

import json
from base64 import urlsafe_b64decode
from typing import Any


def header_of(token: str) -> dict[str, Any]:
    """Its protected header."""
    segment = token.partition(".")[0]
    header = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    assert isinstance(header, dict)
    return header


def kid_of(token: str) -> str:
    """The key id in its header."""
    return str(header_of(token)["kid"])
