"""A recorded request as a command for curl, with variables instead of its secrets."""

import re
import shlex
from typing import Final

from satmint.model.recorded_exchange import Exchange

_MASK: Final = re.compile(r"\[hidden: ([^\]]*)\]")
_VARIABLES: Final = {
    "SAT": "SAT",
    "refresh token": "REFRESH_TOKEN",
    "API token": "SIGNALWIRE_API_TOKEN",
    "Click-to-Call token": "C2C_TOKEN",
    "password": "PASSWORD",
}
_SENT_BY_CURL: Final = frozenset(
    {"host", "content-length", "connection", "accept-encoding", "user-agent", "accept"}
)
_CREDENTIALS: Final = '"$SIGNALWIRE_PROJECT_ID:$SIGNALWIRE_API_TOKEN"'


def curl(exchange: Exchange, url: str) -> str:
    """The command.

    Args:
        exchange: A request.
        url: The server's URL, without a slash at the end.
    """
    method = "" if exchange.method == "GET" else f" -X {shlex.quote(exchange.method)}"
    lines = [f"curl -sS{method} {_quoted(url + exchange.target)}"]
    for name, value in exchange.request_headers:
        if name == "authorization" and value.startswith("Basic "):
            lines.append(f"-u {_CREDENTIALS}")
        elif name not in _SENT_BY_CURL:
            lines.append(f"-H {_quoted(f'{name}: {value}')}")
    if exchange.request_body and not exchange.request_body.startswith("["):
        lines.append(f"-d {_quoted(exchange.request_body)}")
    return " \\\n  ".join(lines)


def _quoted(text: str) -> str:
    """A word of the shell, with a variable in each secret's place."""
    parts = _MASK.split(text)
    quoted = [
        f'"${_VARIABLES.get(part, "SECRET")}"' if number % 2 else shlex.quote(part)
        for number, part in enumerate(parts)
        if part or number % 2
    ]
    return "".join(quoted) or "''"
