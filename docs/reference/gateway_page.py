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
from satmint.dpop._rfc9449 import _LONGEST_JTI, _RPC_KIND
from satmint.flows.live import _CONNECT, _REAUTHENTICATE, LEASE_SECONDS
from satmint.gateway import Limits
from satmint.gateway.gateway import (
    _JUDGE_SECONDS,
    _STOP_SECONDS,
    _SWEEP_EVERY_SECONDS,
)
from satmint.gateway.protocol import CloseCode
from satmint.gateway.protocol.connection import (
    PING_SECONDS,
    PINGS_UNANSWERED,
    RESUME_SECONDS,
    SILENCE_SECONDS,
)
from satmint.gateway.protocol.frames import (
    _DEEPEST,
    _EXACT,
    _LONGEST_ID,
    _LONGEST_METHOD,
    Flaw,
)
from satmint.http.guard import ARRIVAL_SECONDS, HEAD_LIMIT
from satmint.http.guard_websocket import (
    _MOST_FRAGMENTS,
    _MOST_PINGS,
    _MOST_QUEUED,
    _PINGS_SECONDS,
    _POLICY,
    CLOSING_SECONDS,
    MESSAGE_LIMIT,
    STALLED_SECONDS,
)
from satmint.http.statuses import STATUS
from satmint.model.possession import MOST_RESENDS
from satmint.model.refusals import Code
from satmint.settings import Settings

PAGE: Final = Path(__file__).with_name("gateway.md")

Row = tuple[str, ...]

_TABLE: Final = re.compile(
    r"(?<=^<!-- made by generate\.py: )(\w+)( -->\n).*?(?=^<!-- end -->$)", re.MULTILINE | re.DOTALL
)
_DEFAULTS: Final = Settings()

FLAWS: Final[Mapping[Flaw, tuple[str, str]]] = {
    Flaw.PARSE: (
        "The frame is no JSON, or none that has one meaning only; `id` is `null`.",
        "Mend the client.",
    ),
    Flaw.REQUEST: (
        (
            "It is no request of JSON-RPC 2.0: a batch, a binary frame, no `id` or no `method`. Or"
            f" it is `{_CONNECT}` on a connection that was let in already."
        ),
        "Mend the client.",
    ),
    Flaw.METHOD: ("There is no such method.", "Mend the client."),
    Flaw.NO_CALLS: (
        "The vendor has such a method, and this gateway never will.",
        "Do without.",
    ),
    Flaw.PARAMS: (
        "`params` is no object, the token is missing or empty, or a member is no text.",
        "Mend the client.",
    ),
    Flaw.UNAVAILABLE: (
        "Nobody can tell whether the credentials are good: the database does not answer.",
        "Try again later, with a new proof.",
    ),
    Flaw.FULL: (
        "The project has as many connections as it may have.",
        "Try again later, with a new proof.",
    ),
    Flaw.AUTHENTICATION: (
        (
            "Token or proof are not good: expired, revoked, of another server, missing, used up."
            " Or it was asked for something before anything was let in."
        ),
        "Come with another token, or another proof. The same ones will be refused again.",
    ),
    Flaw.RESUME: (
        "A resume cannot be had, whatever the reason is. A connect without a state never gets it.",
        "Drop state and protocol, and connect anew on the same connection.",
    ),
}
"""When a request is answered so, and what to do then."""

CLOSES: Final[Mapping[CloseCode, tuple[str, str]]] = {
    CloseCode.GOING_AWAY: (
        "The server stops.",
        "Connect again after a short random pause, with the state.",
    ),
    CloseCode.EXPIRED: (
        "The token that was shown last has expired.",
        "Connect again with a newer one; with the state, as long as that is good.",
    ),
    CloseCode.REVOKED: (
        "The session was revoked, or its subscriber was deleted.",
        "Sign in anew: no token of this session will be taken.",
    ),
    CloseCode.SILENT: (
        "Nothing was let in for too long, or pings were not answered.",
        "Connect again, after a pause that grows.",
    ),
}
"""Why the gateway closes, and what to do then."""

TRANSPORT_CLOSES: Final[Mapping[int, str]] = {
    TransportCode.PROTOCOL_ERROR: "What came is no WebSocket frame.",
    TransportCode.INVALID_DATA: "A text frame is no UTF-8.",
    _POLICY: "Too many fragments, messages at once, or pings: see the limits.",
    TransportCode.MESSAGE_TOO_BIG: "A message is too long.",
}
"""Why the connection is closed below the gateway. In each case the client is to be mended."""


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
        ("status", "when"),
        [
            ("101", "The connection is open. Nobody has been let in yet."),
            (
                str(int(HTTPStatus.BAD_REQUEST)),
                "With such a head no WebSocket can begin: a body, too many headers, no key.",
            ),
            (str(STATUS[Code.FORBIDDEN]), "A page of this `Origin` may not call."),
            (str(STATUS[Code.NOT_FOUND]), "The path is not `/`."),
            (
                str(int(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)),
                f"The head is larger than {_kib(HEAD_LIMIT)}.",
            ),
            (
                str(STATUS[Code.UNAVAILABLE]),
                (
                    "Come back after `Retry-After`: there are too many connections, over all or"
                    " from this address, or the server stops, or its database does not answer."
                ),
            ),
        ],
    )


def proof_table() -> str:
    """What a proof for the gateway is made of."""
    settings = "[settings](settings.md)"
    return _table(
        ("in the", "member", ""),
        [
            ("header", "`typ`", "`dpop+jwt`"),
            ("header", "`alg`", ", ".join(f"`{name}`" for name in ALGORITHMS)),
            ("header", "`jwk`", "the public key, without any private member"),
            ("payload", "`rpc`", f'`"{_RPC_KIND}"`, always'),
            ("payload", "`mth`", f"the method: `{_CONNECT}` or `{_REAUTHENTICATE}`"),
            ("payload", "`jti`", f"an id of its own, of 1 to {_LONGEST_JTI} bytes"),
            (
                "payload",
                "`iat`",
                (
                    "Unix seconds, an integer: at most `proof_age_seconds`"
                    f" ({_DEFAULTS.proof_age_seconds}) back and `proof_ahead_seconds`"
                    f" ({_DEFAULTS.proof_ahead_seconds}) ahead; see {settings}"
                ),
            ),
            (
                "payload",
                "`ath`",
                "may be left out; else base64url of SHA-256 of the token that is shown with it",
            ),
            ("payload", "`htm`, `htu`", "must not be there: they make it a proof for HTTP"),
            ("payload", "`nonce`", "is not looked at, in strict projects neither"),
        ],
    )


def errors_table() -> str:
    """What a request can be refused with."""
    return _table(
        ("code", "message", "when", "what to do"),
        [(f"`{flaw.code}`", flaw.message, *FLAWS[flaw]) for flaw in Flaw],
    )


def closes_table() -> str:
    """What the server closes with."""
    below = [
        (f"`{int(code)}`", when, "Mend the client.") for code, when in TRANSPORT_CLOSES.items()
    ]
    ours = [(f"`{int(code)}`", *CLOSES[code]) for code in CloseCode]
    return _table(("code", "why", "what to do"), sorted((*ours, *below)))


def times_table() -> str:
    """How long everything takes or may take."""
    silent = f"closed with {int(CloseCode.SILENT)}"
    return _table(
        ("what", "seconds", "after that"),
        [
            ("until the head of the upgrade is whole", _s(ARRIVAL_SECONDS), "the connection ends"),
            (
                "until something is let in; begins once more with the first refusal of credentials",
                _s(SILENCE_SECONDS),
                silent,
            ),
            (
                "to find out whether credentials are good",
                _s(_JUDGE_SECONDS),
                f"`{Flaw.UNAVAILABLE.code}`; where it was a resume, `{Flaw.RESUME.code}`",
            ),
            (
                (
                    "to a refusal, once there were `failures_per_minute`"
                    f" ({_DEFAULTS.failures_per_minute}) from an address"
                ),
                _s(Limits().guessing_seconds),
                "the refusal comes",
            ),
            ("from one ping to the next", _s(PING_SECONDS), "the next one"),
            (
                f"from a ping to the end, where {PINGS_UNANSWERED} in a row are not answered",
                _s(PINGS_UNANSWERED * PING_SECONDS),
                silent,
            ),
            (
                "from a token's end to the close, while nothing is asked",
                _s(_SWEEP_EVERY_SECONDS),
                f"closed with {int(CloseCode.EXPIRED)}",
            ),
            ("for which a state is good, from its token's end", _s(RESUME_SECONDS), "begin anew"),
            ("online after the server has died where one was", _s(LEASE_SECONDS), "offline"),
            ("for which a client may leave unread what it is sent", _s(STALLED_SECONDS), "cut"),
            ("to answer a close", _s(CLOSING_SECONDS), "cut"),
            ("that a server which stops waits for its clients", _s(_STOP_SECONDS), "cut"),
        ],
    )


def limits_table() -> str:
    """How much of everything there may be."""
    closed = f"closed with {_POLICY}"
    malformed, unproven = f"`{Flaw.REQUEST.code}`", f"`{Flaw.AUTHENTICATION.code}`"
    return _table(
        ("what", "how much", "beyond that"),
        [
            *_heads(),
            ("a message", _kib(MESSAGE_LIMIT), f"closed with {TransportCode.MESSAGE_TOO_BIG}"),
            ("fragments of a message", str(_MOST_FRAGMENTS), closed),
            ("messages that came at once and wait", str(_MOST_QUEUED), closed),
            (
                "pings and pongs of the WebSocket itself",
                f"{_MOST_PINGS} in {_s(_PINGS_SECONDS)} s",
                closed,
            ),
            (
                "frames of a connection in a second",
                _setting("gateway_requests_per_second"),
                "the rest waits for the next second",
            ),
            ("an `id`", f"{_LONGEST_ID} characters, or ±{_EXACT - 1}", malformed),
            ("a method's name", f"{_LONGEST_METHOD} characters", malformed),
            ("objects and arrays within each other", str(_DEEPEST), f"`{Flaw.PARSE.code}`"),
            ("a proof", f"{MAX_PROOF_CHARS} characters", unproven),
            (
                "one proof, shown again on its connection with its token",
                f"{MOST_RESENDS} times",
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
        ("the head of the upgrade", _kib(HEAD_LIMIT), str(int(too_large))),
        ("a line of it", f"{MAX_LINE_LENGTH} bytes", str(int(bad))),
        ("headers in it", str(MAX_NUM_HEADERS), str(int(bad))),
    ]


def _crowds() -> list[Row]:
    later = str(STATUS[Code.UNAVAILABLE])
    return [
        ("connections of a process", _setting("gateway_connections"), later),
        (
            "those from one IPv4 address, or one IPv6 network (/64)",
            _setting("gateway_connections_per_address"),
            later,
        ),
        (
            "those that were let in for one project",
            _setting("gateway_connections_per_project"),
            f"`{Flaw.FULL.code}`; where it was a resume, `{Flaw.RESUME.code}`",
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
