"""The hosts for a token's holder, read from its `ch` header as the browser SDK does.

`ch` is `<host>.<domain>`; the REST API is at `fabric.<domain>`, the gateway at `<host>.<domain>`.
Without `ch` there is no default: the vendor's host would receive a token of another deployment.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from typing import Final

_CLUSTER: Final = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9._-]+(?::\d{1,5})?)")


def fabric_host(token: str) -> str | None:
    """The host of the REST API; `None` if the token names none."""
    match = _cluster(token)
    return None if match is None else f"fabric.{match[1]}"


def gateway_host(token: str) -> str | None:
    """The host of the session gateway; `None` if the token names none."""
    match = _cluster(token)
    return None if match is None else match[0]


def _cluster(token: str) -> re.Match[str] | None:
    first = token.split(".", 1)[0]
    try:
        header = json.loads(urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError):
        return None
    cluster = header.get("ch") if isinstance(header, dict) else None
    return _CLUSTER.fullmatch(cluster) if isinstance(cluster, str) else None
