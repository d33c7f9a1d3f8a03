"""Tokens that look like real ones and mean nothing."""

from __future__ import annotations

import itertools
import json
from base64 import urlsafe_b64encode
from typing import Final

_SERIALS: Final = itertools.count(1)


def b64(raw: bytes) -> str:
    """Encode with base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def make_token(kind: str = "SAT", cluster: str | None = "puc.test") -> str:
    """Make a token of the form of a compact JWE (RFC 7516), never the same twice in a process.

    Args:
        kind: Its `typ` header: `SAT` or `Refresh`.
        cluster: Its `ch` header, from which a session reads its hosts; `None` for none.
    """
    header = {"alg": "dir", "enc": "A256GCM", "typ": kind}
    if cluster is not None:
        header["ch"] = cluster
    serial = next(_SERIALS)
    nonce, sealed = b64(serial.to_bytes(12, "big")), b64(f"sealed-{kind}-{serial}".encode())
    return f"{b64(json.dumps(header).encode())}..{nonce}.{sealed}.{b64(b't' * 16)}"
