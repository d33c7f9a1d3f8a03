"""The programs that verify the tokens of their requests, and how tests sign in to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from kit.programs import Program
from kit.server import Live

BASE_URL: Final = "https://api.example.com/v1"
"""What clients see: a proxy takes it away, so that programs do not."""

_GUNICORN: Final = ("-m", "gunicorn", "--threads=4", "--bind=127.0.0.1:0")
PROGRAMS: Final = {
    "fastapi": ("protected_fastapi.py",),
    "asgi": ("protected_asgi.py",),
    "flask": ("protected_flask.py",),
    "django": (*_GUNICORN, "protected_django"),
    "wsgi": (*_GUNICORN, "--preload", "protected_wsgi"),
}
_ADDRESS: Final = r"(?:[Rr]unning on|Listening at:) (http://[\d.:]+)"


def start(name: str, folder: Path, live: Live, **variables: str) -> Program:
    """Start a program; its output goes into `folder`."""
    return Program(folder, live, *PROGRAMS[name], BASE_URL=BASE_URL, **variables)


def url_of(program: Program) -> str:
    """Wait until a program listens; its URL, as the proxy sees it."""
    return program.hear(_ADDRESS)


def sign_in(live: Live, reference: str, **members: Any) -> tuple[str, str]:
    """A token, and the id of its subscriber, whom only tests of protected services have."""
    with live.client() as client:
        made = client.fabric.tokens.create_subscriber_token(
            reference=f"protected-{reference}", **members
        )
    return made["token"], made["subscriber_id"]


def token_of(live: Live, reference: str, **members: Any) -> str:
    """A token; see `sign_in`."""
    return sign_in(live, reference, **members)[0]
