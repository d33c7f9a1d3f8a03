"""The tables of `gateway.md`, from the constants of the gateway. Its prose is written by hand.

A table stands between two comments, the first of which names it. What is between them is made anew
by `generate.py`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

from websockets.frames import CloseCode as TransportCode
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS

from satmint.dpop import ALGORITHMS
from satmint.dpop._rfc7515 import MAX_PROOF_CHARS
from satmint.dpop._rfc9449 import _MAX_JTI_BYTES, _RPC_KIND
from satmint.flows.live import _CONNECT, _REAUTHENTICATE, LEASE_SECONDS
from satmint.gateway import Limits
from satmint.gateway.gateway import (
    _SHUTDOWN_SECONDS,
    _SWEEP_INTERVAL_SECONDS,
    AUTHENTICATE_SECONDS,
)
from satmint.gateway.protocol import CloseCode
from satmint.gateway.protocol.connection_state import (
    AUTHENTICATION_DEADLINE_SECONDS,
    MAX_UNANSWERED_PINGS,
    PING_SECONDS,
    RESUME_SECONDS,
)
from satmint.gateway.protocol.frames import (
    _MAX_DEPTH,
    _MAX_ID_CHARS,
    _MAX_METHOD_CHARS,
    _MAX_SAFE_INTEGER,
    FrameError,
)
from satmint.http.statuses import STATUS
from satmint.model.possession import MAX_RESENDS
from satmint.model.refusals import Code
from satmint.server.connection_table import ConnectionLimits
from satmint.server.requests import HEAD_LIMIT
from satmint.server.websocket_connection import (
    _MAX_FRAGMENTS,
    _MAX_PINGS,
    _MAX_QUEUED,
    _PINGS_SECONDS,
    _POLICY_VIOLATION,
    CLOSING_SECONDS,
    MESSAGE_LIMIT,
)
from satmint.settings import Settings

LIMITS: Final = ConnectionLimits()
PAGE: Final = Path(__file__).with_name("gateway.md")

Row = tuple[str, ...]

_TABLE: Final = re.compile(
    r"(?<=^<!-- made by generate\.py: )(\w+)( -->\n).*?(?=^<!-- end -->$)", re.MULTILINE | re.DOTALL
)
_DEFAULTS: Final = Settings()

FRAME_ERRORS: Final[Mapping[FrameError, tuple[str, str]]] = {
    FrameError.PARSE: (
        "The frame is not valid, unambiguous JSON; `id` is `null`.",
        "Fix the client.",
    ),
    FrameError.REQUEST: (
        (
            "The frame is not a JSON-RPC 2.0 request: a batch, a binary frame, no `id` or no"
            f" `method`; or it is `{_CONNECT}` on a connection that is already authenticated."
        ),
        "Fix the client.",
    ),
    FrameError.METHOD: ("The method does not exist.", "Fix the client."),
    FrameError.NO_CALLS: (
        "The method exists in the vendor's API but is not supported by this gateway.",
        "Do not call the method.",
    ),
    FrameError.PARAMS: (
        "`params` is not an object, the token is missing or empty, or a member is not a string.",
        "Fix the client.",
    ),
    FrameError.UNAVAILABLE: (
        "The gateway cannot check the credentials because the database does not respond.",
        "Retry later, with a new proof.",
    ),
    FrameError.FULL: (
        (
            "The project, the session or the Click-to-Call token has reached its maximum number of"
            " connections."
        ),
        "Retry later, with a new proof.",
    ),
    FrameError.AUTHENTICATION: (
        (
            "The token or the proof is expired, revoked, missing, already used or from another"
            " server; or the client called another method before it authenticated."
        ),
        "Send another token or another proof. The same ones are refused again.",
    ),
    FrameError.RESUME: (
        "The session cannot be resumed, for any reason. A connect without a state never gets it.",
        "Discard state and protocol, and send a new connect on the same connection.",
    ),
}
"""The cause and the remedy of each error."""

CLOSES: Final[Mapping[CloseCode, tuple[str, str]]] = {
    CloseCode.GOING_AWAY: (
        "The server is shutting down.",
        "Reconnect with the state, after a short random delay.",
    ),
    CloseCode.EXPIRED: (
        "The last token that the client sent has expired.",
        "Reconnect with a new token, and with the state while it is valid.",
    ),
    CloseCode.REVOKED: (
        "The session was revoked, or its subscriber or the last address of its token was deleted.",
        "Sign in again: every token of this session is refused.",
    ),
    CloseCode.TIMED_OUT: (
        "The client did not authenticate in time, or did not answer pings.",
        "Reconnect with exponential back-off.",
    ),
}
"""The cause and the remedy of each close code."""

TRANSPORT_CLOSES: Final[Mapping[int, str]] = {
    TransportCode.PROTOCOL_ERROR: "The client sent invalid WebSocket frames.",
    TransportCode.INVALID_DATA: "A text frame is not valid UTF-8.",
    _POLICY_VIOLATION: "Too many fragments, queued messages or pings; see the limits.",
    TransportCode.MESSAGE_TOO_BIG: "A message is too large.",
}
"""Close codes of the WebSocket layer. The remedy is always to fix the client."""


def gateway_page() -> str:
    """The page as it stands, with tables that say what the code says.

    Raises:
        ValueError: a table has no place in it, or more than one.
    """
    text = PAGE.read_text(encoding="utf-8")
    if sorted(name for name, _ in _TABLE.findall(text)) != sorted(TABLES):
        raise ValueError(f"{PAGE.name} must have a place for each of: {', '.join(TABLES)}")
    return _TABLE.sub(lambda found: f"{found[1]}{found[2]}\n{TABLES[found[1]]()}\n", text)


def upgrades_table() -> str:
    """What an upgrade can be answered with."""
    return _table(
        ("status", "cause"),
        [
            ("101", "The connection is open but not yet authenticated."),
            (
                str(int(HTTPStatus.BAD_REQUEST)),
                "The handshake is invalid: it has a body, too many header fields or no key.",
            ),
            (str(STATUS[Code.FORBIDDEN]), "The `Origin` is not in `cors_origins`."),
            (str(STATUS[Code.NOT_FOUND]), "The path is not `/`."),
            (
                str(STATUS[Code.UPGRADE_REQUIRED]),
                "The handshake does not use WebSocket version 13.",
            ),
            (
                str(int(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)),
                f"The request line and the header fields are larger than {_kib(HEAD_LIMIT)}.",
            ),
            (
                str(STATUS[Code.UNAVAILABLE]),
                (
                    "Too many connections, in total or from this address; the server is shutting"
                    " down; or the database does not respond. Retry after `Retry-After`."
                ),
            ),
        ],
    )


def proof_table() -> str:
    """The members of a proof for the gateway."""
    settings = "[settings](settings.md)"
    return _table(
        ("part", "member", "value"),
        [
            ("header", "`typ`", "`dpop+jwt`"),
            ("header", "`alg`", ", ".join(f"`{name}`" for name in ALGORITHMS)),
            ("header", "`jwk`", "the public key, without any private member"),
            ("payload", "`rpc`", f'`"{_RPC_KIND}"`, always'),
            ("payload", "`mth`", f"the method: `{_CONNECT}` or `{_REAUTHENTICATE}`"),
            ("payload", "`jti`", f"a unique id of 1 to {_MAX_JTI_BYTES} bytes"),
            (
                "payload",
                "`iat`",
                (
                    "Unix seconds, an integer: at most `proof_age_seconds`"
                    f" ({_DEFAULTS.proof_age_seconds}) in the past and `proof_ahead_seconds`"
                    f" ({_DEFAULTS.proof_ahead_seconds}) in the future; see {settings}"
                ),
            ),
            (
                "payload",
                "`ath`",
                "optional: base64url of the SHA-256 of the token that is sent with the proof",
            ),
            ("payload", "`htm`, `htu`", "must be absent: they are for proofs over HTTP"),
            ("payload", "`nonce`", "ignored, also in strict projects"),
        ],
    )


def errors_table() -> str:
    """The errors of requests."""
    return _table(
        ("code", "message", "cause", "remedy"),
        [(f"`{flaw.code}`", flaw.message, *FRAME_ERRORS[flaw]) for flaw in FrameError],
    )


def closes_table() -> str:
    """What the server closes with."""
    below = [(f"`{int(code)}`", when, "Fix the client.") for code, when in TRANSPORT_CLOSES.items()]
    ours = [(f"`{int(code)}`", *CLOSES[code]) for code in CloseCode]
    return _table(("code", "cause", "remedy"), sorted((*ours, *below)))


def times_table() -> str:
    """How long everything takes or may take."""
    silent = f"closed with {int(CloseCode.TIMED_OUT)}"
    return _table(
        ("time", "seconds", "afterwards"),
        [
            ("receiving the header of the upgrade request", _s(LIMITS.arrival_seconds), "408"),
            (
                "authentication; restarts once, after the first refused credentials",
                _s(AUTHENTICATION_DEADLINE_SECONDS),
                silent,
            ),
            (
                "check of credentials",
                _s(AUTHENTICATE_SECONDS),
                f"`{FrameError.UNAVAILABLE.code}`; for a resume, `{FrameError.RESUME.code}`",
            ),
            (
                (
                    "delay of a refusal, after `failures_per_minute`"
                    f" ({_DEFAULTS.failures_per_minute}) refusals from an address"
                ),
                _s(Limits().refusal_delay_seconds),
                "the refusal is sent",
            ),
            ("interval of pings", _s(PING_SECONDS), "the next ping"),
            (
                f"{MAX_UNANSWERED_PINGS} consecutive pings without an answer",
                _s(MAX_UNANSWERED_PINGS * PING_SECONDS),
                silent,
            ),
            (
                "delay of the close after the token expires, on an idle connection",
                _s(_SWEEP_INTERVAL_SECONDS),
                f"closed with {int(CloseCode.EXPIRED)}",
            ),
            ("validity of a state after its token expires", _s(RESUME_SECONDS), "connect again"),
            ("lease of the presence after the server process dies", _s(LEASE_SECONDS), "offline"),
            (
                "client that does not read pending data",
                _s(LIMITS.stall_seconds),
                "aborted",
            ),
            ("answer to a close", _s(CLOSING_SECONDS), "aborted"),
            ("wait for the clients at shutdown", _s(_SHUTDOWN_SECONDS), "aborted"),
        ],
    )


def limits_table() -> str:
    """How much of everything there may be."""
    closed = f"closed with {_POLICY_VIOLATION}"
    malformed, unproven = f"`{FrameError.REQUEST.code}`", f"`{FrameError.AUTHENTICATION.code}`"
    return _table(
        ("limit", "value", "if exceeded"),
        [
            *_heads(),
            ("a message", _kib(MESSAGE_LIMIT), f"closed with {TransportCode.MESSAGE_TOO_BIG}"),
            ("fragments of a message", str(_MAX_FRAGMENTS), closed),
            ("queued messages", str(_MAX_QUEUED), closed),
            (
                "WebSocket pings and pongs",
                f"{_MAX_PINGS} in {_s(_PINGS_SECONDS)} s",
                closed,
            ),
            (
                "frames per second on a connection",
                _setting("gateway_requests_per_second"),
                "further frames wait for the next second",
            ),
            ("an `id`", f"{_MAX_ID_CHARS} characters, or ±{_MAX_SAFE_INTEGER - 1}", malformed),
            ("a method's name", f"{_MAX_METHOD_CHARS} characters", malformed),
            ("nesting depth of objects and arrays", str(_MAX_DEPTH), f"`{FrameError.PARSE.code}`"),
            ("a proof", f"{MAX_PROOF_CHARS} characters", unproven),
            (
                "repeats of a proof, on the same connection with the same token",
                f"{MAX_RESENDS} times",
                unproven,
            ),
            *_crowds(),
        ],
    )


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "upgrades": upgrades_table,
    "proof": proof_table,
    "errors": errors_table,
    "closes": closes_table,
    "times": times_table,
    "limits": limits_table,
}
"""Every table, by the name that its place has."""


def _heads() -> list[Row]:
    bad, too_large = HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return [
        ("request line and header of the upgrade", _kib(HEAD_LIMIT), str(int(too_large))),
        ("a line of the header", f"{MAX_LINE_LENGTH} bytes", str(int(bad))),
        ("header fields", str(MAX_NUM_HEADERS), str(int(bad))),
    ]


def _crowds() -> list[Row]:
    later = str(STATUS[Code.UNAVAILABLE])
    full = f"`{FrameError.FULL.code}`; for a resume, `{FrameError.RESUME.code}`"
    return [
        ("connections per process", _setting("gateway_connections"), later),
        (
            "connections from one IPv4 address or IPv6 network (/64)",
            _setting("gateway_connections_per_address"),
            later,
        ),
        (
            "authenticated connections of one project",
            _setting("gateway_connections_per_project"),
            full,
        ),
        (
            "of these, connections of guests, invitees and embed visitors together",
            f"`gateway_temporary_percent` ({_DEFAULTS.gateway_temporary_percent} %)",
            full,
        ),
        (
            "connections of the embed visitors of one Click-to-Call token",
            _setting("gateway_connections_per_click_to_call"),
            full,
        ),
        (
            "authenticated connections of one session",
            _setting("gateway_connections_per_session"),
            full,
        ),
    ]


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _setting(name: str) -> str:
    return f"`{name}` ({getattr(_DEFAULTS, name)})"


def _kib(size: int) -> str:
    return f"{size // 1024} KiB"


def _s(seconds: float) -> str:
    return f"{seconds:g}"
