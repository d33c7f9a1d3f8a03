"""Write the pages of this folder from the code: `python docs/reference/generate.py`.

A house test compares them, so that they never say something else than the code does.
"""

import runpy
import sys
from pathlib import Path
from typing import Final

import msgspec

from satmint.http.explanations import EXPLANATIONS
from satmint.http.openapi import codes_of
from satmint.http.operations import Operation
from satmint.http.resources import OPERATIONS
from satmint.http.statuses import STATUS
from satmint.model.event_texts import EVENT_TEXTS
from satmint.model.events import AGENT_LIMIT, ENDING, EventKind
from satmint.model.webhooks import ALERTS
from satmint.settings import ENV_PREFIX, FIELDS, describe

HERE: Final = Path(__file__).parent
MADE: Final = "<!-- made by generate.py; change the code instead -->\n\n"


def settings_page() -> str:
    """Every setting, as an option, as a variable and as a key."""
    rows = [
        f"| `{field.name}` | `{ENV_PREFIX}{field.name.upper()}` | {_default(field)} |"
        f" {describe(field.name)} |"
        for field in FIELDS
    ]
    head = (
        "# Settings\n\n"
        f"{MADE}"
        "Each is an option of `satmint serve` (`tls_cert` is `--tls-cert`), an environment variable"
        " and a key of\nthe TOML file that `--config` names. The command line goes before the"
        " environment, and that before\nthe file.\n\n"
        "| key | variable | default | |\n|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def errors_page() -> str:
    """Every code, with its status."""
    head = "A running server shows the same at `/errors`, with an example answer for each."
    parts = [f"# Errors\n\n{MADE}{head}\n"]
    for code, entry in EXPLANATIONS.items():
        when = "\n".join(f"- {occasion}" for occasion in entry.when)
        remedy = "\n".join(f"- {step}" for step in entry.remedy)
        parts.append(
            f"## {code}\n\n{STATUS[code]}. {entry.meaning}\n\nWhen:\n\n{when}\n\n"
            f"What to do:\n\n{remedy}\n"
        )
    return "\n".join(parts)


def operations_page() -> str:
    """Every operation, in a line."""
    shown = [operation for operation in OPERATIONS if operation.documented]
    rows = [
        f"| `{operation.method}` | `{operation.path}` | {operation.admits.value.replace('_', ' ')}"
        f" | {operation.summary} | {', '.join(_statuses(operation))} |"
        for operation in shown
    ]
    return (
        "# HTTP API\n\n"
        f"{MADE}"
        "The whole description is `satmint openapi`, or `/openapi.json` and `/reference` of a"
        " running server.\n\n"
        "| method | path | who may call | | answers |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def events_page() -> str:
    """Every kind of event, in a line."""
    rows = [
        f"| `{kind}` | {EVENT_TEXTS[kind].happened} | {_told(kind)} | {_yes(kind in ALERTS)} |"
        f" {_yes(kind in ENDING)} |"
        for kind in EventKind
    ]
    return (
        "# Events\n\n"
        f"{MADE}"
        "The audit trail of a project: `satmint events list`, `satmint events follow`,"
        " `GET /api/satmint/events`.\nAn event is written in the transaction of what it tells of,"
        " and kept for `event_retention_days`. It\nnever holds a token. What is done to the keyring"
        " is in the trail of every project, if the database\ncould be reached.\n\n"
        "| member | |\n|---|---|\n"
        "| `id` | A UUID of version 7: it sorts by time, to the second. |\n"
        "| `kind` | One of those below. |\n"
        "| `at` | When, in UTC. |\n"
        "| `subscriber_id` | Whose session it is, or whom it is about. Guests, invitees and"
        " visitors have one of their own, for a time. |\n"
        "| `session_id` | Which session. |\n"
        "| `subject_id` | What else it is about: a token, a webhook, or who invited. |\n"
        "| `generation` | Which pair of tokens of the session: 0 is the first, and each refresh"
        " makes the next. |\n"
        "| `cause` | What the kind says it is. |\n"
        "| `request_id` | `X-Request-Id` of the answer; empty for a command. |\n"
        "| `address` | Where the request came from; `cli` for a command. |\n"
        f"| `agent` | Its `User-Agent`, up to {AGENT_LIMIT} characters, or the command. |\n\n"
        "What is not set is `null`, or empty where it is text."
        " [Webhooks](../guides/alerts.md) tell of the kinds\nthat look like a theft or end a"
        " session. On those that may end live sessions, the gateway looks\nwhich of them still"
        " stand, and ends the others.\n\n"
        "| kind | what happened | sets | told to webhooks | may end live sessions |\n"
        "|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


PAGES: Final = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "http-api.md": operations_page,
    "gateway.md": runpy.run_path(str(HERE / "gateway_page.py"))["gateway_page"],
    "events.md": events_page,
}


def _told(kind: EventKind) -> str:
    """The members that a kind sets, with what they mean there."""
    tells = EVENT_TEXTS[kind].tells.items()
    return ", ".join(f"`{member}`{means and f' ({means})'}" for member, means in tells)


def _yes(said: bool) -> str:
    return "yes" if said else ""


def _statuses(operation: Operation) -> list[str]:
    return [str(operation.status), *sorted({str(STATUS[code]) for code in codes_of(operation)})]


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return "" if value in (None, ()) else f"`{msgspec.json.encode(value).decode()}`"


def main() -> int:
    """Write all pages."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
