"""`satmint keys`: the master keys that all tokens hang on."""

from pathlib import Path
from typing import Annotated

import typer

from satmint.cli.command import Work, command
from satmint.cli.plain import group
from satmint.cli.report import Failure, iso
from satmint.settings import SettingsError
from satmint.upkeep import (
    InUse,
    KeyInfo,
    init_keyring,
    list_keys,
    remove_key,
    rotate_keyring,
    use_of,
)

app = group("keys")


@command(app, "init")
def init(work: Work) -> None:
    """Make a keyring with one key. Keep the file like a private key: it opens every token."""
    file = Path(work.settings.keyring)
    try:
        key = init_keyring(file, work.clock, work.entropy)
    except FileExistsError as error:
        raise Failure(f"there is a keyring at {file} already") from error
    except OSError as error:
        raise Failure(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from error
    work.report.value({"keyring": str(file.absolute()), "keys": [_shown(key)]})
    work.report.line(f"{file} holds one key, {key.id}. Keep it like a private key.")


@command(app, "list")
def list_(work: Work) -> None:
    """List the keys, newest first, without their secrets."""
    keys = list_keys(Path(work.settings.keyring))
    work.report.rows(
        ("id", "state", "created_at", "retired_at"), [_shown(key) for key in keys], none=""
    )


@command(app, "rotate")
def rotate(work: Work) -> None:
    """Add a new active key. The former one goes on opening what it made.

    Running servers take the file up by themselves within seconds. Where they have copies of it,
    spread the new file before the old key is retired.
    """
    file = Path(work.settings.keyring)
    try:
        keys = rotate_keyring(file, work.clock, work.entropy)
    except OSError as error:
        raise Failure(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from error
    active = next(key for key in keys if key.active)
    work.report.value({"keyring": str(file.absolute()), "keys": [_shown(key) for key in keys]})
    work.report.line(f"{active.id} is the active key of {file} now; {len(keys) - 1} older remain.")


@command(app, "retire")
def retire(
    work: Work,
    key: Annotated[str, typer.Argument(metavar="ID", help="A key that is no longer active.")],
    now: Annotated[
        bool,
        typer.Option(
            "--now", metavar="", help="Even though tokens made with it are alive: the key leaked."
        ),
    ] = False,
) -> None:
    """Remove a key that is no longer active: what was made with it stops opening.

    Refused while such tokens may be alive, unless --now is given.
    """
    file = Path(work.settings.keyring)
    found = next((known for known in list_keys(file) if known.id == key), None)
    if found is None:
        raise Failure(f"the keyring at {file} has no key {key}")
    if found.active:
        raise Failure(f"{key} is the active key: add another with `satmint keys rotate` first")
    try:
        use = use_of(work.settings, found, work.clock.now())
    except SettingsError as error:
        if not now:
            message = f"cannot tell which tokens made with {key} are alive: {error} (or give --now)"
            raise Failure(message) from error
        use = InUse(0, 0)
    if use.until and not now:
        raise Failure(
            f"tokens made with {key} may live until {iso(use.until)}"
            f" ({_sessions(use.sessions)}): wait, or end them with --now"
        )
    try:
        remove_key(file, key)
    except OSError as error:
        raise Failure(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from error
    work.report.value(
        {
            "keyring": str(file.absolute()),
            "removed": key,
            "sessions_cut_off": use.sessions if use.until else 0,
        }
    )
    work.report.line(f"{key} is removed from {file}.")
    if use.until:
        work.report.line(
            f"What was made with it no longer opens: {_sessions(use.sessions)} may have to sign"
            " in again."
        )


def _shown(key: KeyInfo) -> dict[str, str | None]:
    return {
        "id": key.id,
        "state": "active" if key.active else "retired",
        "created_at": None if key.created_at is None else iso(key.created_at),
        "retired_at": None if key.retired_at is None else iso(key.retired_at),
    }


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"
