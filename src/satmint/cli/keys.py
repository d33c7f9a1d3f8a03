"""`satmint keys`: the master keys that all tokens hang on."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from satmint.cli.command import Work, command
from satmint.cli.plain import group
from satmint.cli.report import Failure, Misuse, say
from satmint.cli.trouble import in_words
from satmint.flows.keys import record_in_all_projects
from satmint.model.events import EventKind
from satmint.model.times import iso, iso_or_none
from satmint.settings import SettingsError
from satmint.upkeep import (
    InUse,
    KeyInfo,
    KeyState,
    add_to_keyring,
    init_keyring,
    list_keys,
    remove_key,
    rotate_keyring,
    unwrap_keyring,
    use_of,
    wrap_keyring,
)

app = group("keys")


@command(app, "init")
def init(work: Work) -> None:
    """Make a keyring with one key. Keep the file like a private key: it opens every token."""
    file = Path(work.settings.keyring)
    try:
        with _writing(file):
            key = init_keyring(file, work.clock, work.entropy, work.settings.keyring_kek)
    except FileExistsError as error:
        raise Failure(f"there is a keyring at {file} already") from error
    work.report.value({"keyring": str(file.absolute()), "keys": [_shown(key)]})
    work.report.line(f"{file} holds one key, {key.id}. Keep it like a private key.")


@command(app, "list")
def list_(work: Work) -> None:
    """List the keys, newest first, without their secrets."""
    keys = list_keys(Path(work.settings.keyring), work.settings.keyring_kek)
    work.report.rows(
        ("id", "state", "created_at", "retired_at"), [_shown(key) for key in keys], none=""
    )


@command(app, "add")
def add(work: Work) -> None:
    """Lay a key ready for the next rotation: servers open with it, and make nothing yet.

    With it, no server meets a token of a key that it does not have: add, wait until every server
    has taken up the file or its copy of it, then rotate.
    """
    file = Path(work.settings.keyring)
    with _writing(file):
        keys = add_to_keyring(file, work.clock, work.entropy, work.settings.keyring_kek)
    ready = next(key for key in keys if key.state is KeyState.NEXT)
    work.report.value({"keyring": str(file.absolute()), "keys": [_shown(key) for key in keys]})
    work.report.line(
        f"{ready.id} lies ready in {file}. Once every server has it: `satmint keys rotate`."
    )


@command(app, "rotate")
def rotate(work: Work) -> None:
    """Have the key that `add` laid ready, or else a new one, take over from the active one.

    The former one goes on opening what it made. Running servers take the file up by themselves
    within seconds; those that have not yet refuse tokens of a key that is new to them. The audit
    trail of every project says so, if the database can be reached.
    """
    file = Path(work.settings.keyring)
    with _writing(file):
        keys = rotate_keyring(file, work.clock, work.entropy, work.settings.keyring_kek)
    active = next(key for key in keys if key.state is KeyState.ACTIVE)
    work.report.value({"keyring": str(file.absolute()), "keys": [_shown(key) for key in keys]})
    work.report.line(f"{active.id} is the active key of {file} now; {len(keys) - 1} older remain.")
    _record(work, EventKind.KEY_ROTATED, active.id)


@command(app, "retire")
def retire(
    work: Work,
    key: Annotated[str, typer.Argument(metavar="ID", help="A key that is not active.")],
    now: Annotated[
        bool,
        typer.Option(
            "--now", metavar="", help="Even though tokens made with it are alive: the key leaked."
        ),
    ] = False,
) -> None:
    """Remove a key that is not active: what was made with it stops opening.

    Refused while such tokens may be alive, unless --now is given. The audit trail of every project
    says so, if the database can be reached.
    """
    file, kek = Path(work.settings.keyring), work.settings.keyring_kek
    found = next((known for known in list_keys(file, kek) if known.id == key), None)
    if found is None:
        raise Failure(f"the keyring at {file} has no key {key}")
    if found.state is KeyState.ACTIVE:
        raise Failure(f"{key} is the active key: add another with `satmint keys rotate` first")
    unused = found.state is KeyState.NEXT
    try:
        use = InUse(0, 0) if unused else use_of(work.settings, found, work.clock.now())
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
    with _writing(file):
        remove_key(file, key, kek, work.entropy)
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
    _record(work, EventKind.KEY_RETIRED, key)


@command(app, "wrap")
def wrap(
    work: Work,
    former: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="KEK", help="What wraps it now, to have it wrapped by another key."
        ),
    ] = None,
) -> None:
    """Have the keyring rest wrapped by the key of the setting `keyring_kek`.

    Start servers with the setting afterwards: with it they take a wrapped keyring only, and without
    it none. What was in the clear may still be found on the disk and in backups: rotate.
    """
    file = Path(work.settings.keyring)
    with _writing(file):
        count = wrap_keyring(file, _kek(work), former, work.entropy)
    work.report.value({"keyring": str(file.absolute()), "wrapped": True, "keys": count})
    work.report.line(f"{file} is wrapped now, with {_keys(count)}.")


@command(app, "unwrap")
def unwrap(work: Work) -> None:
    """Have a keyring that is wrapped rest in the clear again.

    Start servers without the setting `keyring_kek` afterwards.
    """
    file = Path(work.settings.keyring)
    with _writing(file):
        count = unwrap_keyring(file, _kek(work), work.entropy)
    work.report.value({"keyring": str(file.absolute()), "wrapped": False, "keys": count})
    work.report.line(f"{file} is in the clear now, with {_keys(count)}.")


def _kek(work: Work) -> str:
    if work.settings.keyring_kek is None:
        raise Misuse("say what wraps the keyring: SATMINT_KEYRING_KEK=env:NAME, or in the file")
    return work.settings.keyring_kek


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise Failure(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from error


def _record(work: Work, kind: EventKind, key: str) -> None:
    """Tell the audit trails. What was done to the keyring stays done if they cannot be reached."""

    async def record() -> None:
        async with work.mint() as mint:
            await record_in_all_projects(mint, kind, key, work.origin)

    try:
        with in_words(work.settings):
            asyncio.run(record())
    except Failure as trouble:
        say(f"the audit trail does not tell of it: {trouble}", "note", as_json=work.report.as_json)


def _shown(key: KeyInfo) -> dict[str, str | None]:
    return {
        "id": key.id,
        "state": key.state.value,
        "created_at": iso_or_none(key.created_at),
        "retired_at": iso_or_none(key.retired_at),
    }


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"


def _keys(count: int) -> str:
    return "1 key" if count == 1 else f"{count} keys"
