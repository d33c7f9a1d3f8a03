"""Write the pages of this folder from the code: `python docs/reference/generate.py`.

A house test compares them, so that they never say something else than the code does.
"""

import sys
from pathlib import Path
from typing import Final

import msgspec

from satmint.http.explanations import EXPLANATIONS
from satmint.http.openapi import codes_of
from satmint.http.operations import Operation
from satmint.http.resources import OPERATIONS
from satmint.http.statuses import STATUS
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


PAGES: Final = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "http-api.md": operations_page,
}


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
