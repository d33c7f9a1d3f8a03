"""Tokens that look like real ones and mean nothing."""

from __future__ import annotations

import itertools
import json
from base64 import urlsafe_b64encode

_serial = itertools.count(1)


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def make_token(kind: str, cluster: str | None = "puc.test") -> str:
    """Make a new token text: five parts, the second empty, never the same twice."""
    header = {"alg": "dir", "enc": "A256GCM", "typ": kind}
    if cluster is not None:
        header["ch"] = cluster
    serial = next(_serial)
    nonce, sealed = b64(serial.to_bytes(12, "big")), b64(f"sealed-{kind}-{serial}".encode())
    return f"{b64(json.dumps(header).encode())}..{nonce}.{sealed}.{b64(b't' * 16)}"
