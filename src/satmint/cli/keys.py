"""`satmint keys`: manage the keyring of master keys."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from satmint.cli.command import CommandContext, command
from satmint.cli.confirm import Yes, confirm
from satmint.cli.errors import failures_for_user
from satmint.cli.plain import group
from satmint.cli.report import Failure, UsageError, write_message
from satmint.flows.keys import adopt_keyring, record_in_all_projects, record_keys
from satmint.maintenance import (
    KeyInfo,
    KeyState,
    KeyUsage,
    init_keyring,
    list_keys,
    prepare_key,
    remove_key,
    rotate_keyring,
    unwrap_keyring,
    usage_of,
    wrap_keyring,
)
from satmint.model.database_url import without_password
from satmint.model.events import EventKind
from satmint.model.times import iso, iso_or_none
from satmint.settings import SettingsError

app = group("keys")


@command(app, "init", changes=True)
def init(ctx: CommandContext) -> None:
    """Create a keyring with one key. Protect the file: its keys decrypt every token."""
    file = Path(ctx.settings.keyring)
    try:
        with _write_failures(file):
            key = init_keyring(file, ctx.clock, ctx.entropy, ctx.settings.keyring_kek)
    except FileExistsError as error:
        raise Failure(f"a keyring exists already at {file}") from error
    ctx.report.write_json({"keyring": str(file.absolute()), "keys": [_as_dict(key)]})
    ctx.report.write_line(f"Created {file} with key {key.id}. Protect it like a private key.")


@command(app, "list")
def list_(ctx: CommandContext) -> None:
    """List the keys, newest first, without their secrets."""
    keys = list_keys(Path(ctx.settings.keyring), ctx.settings.keyring_kek)
    ctx.report.write_table(
        ("id", "state", "created_at", "retired_at"), [_as_dict(key) for key in keys], none=""
    )


@command(app, "add", changes=True)
def add(ctx: CommandContext) -> None:
    """Prepare a key for the next rotation: servers decrypt with it but do not encrypt yet.

    Add a key, wait until every server has loaded the new keyring, then rotate. This way, no server
    receives a token of a key that it does not have.
    """
    file = Path(ctx.settings.keyring)
    with _write_failures(file):
        keys = prepare_key(file, ctx.clock, ctx.entropy, ctx.settings.keyring_kek)
    ready = next(key for key in keys if key.state is KeyState.NEXT)
    ctx.report.write_json(
        {"keyring": str(file.absolute()), "keys": [_as_dict(key) for key in keys]}
    )
    ctx.report.write_line(
        f"Added {ready.id} to {file}. When every server has loaded it, run `satmint keys rotate`."
    )


@command(app, "rotate", changes=True)
def rotate(ctx: CommandContext) -> None:
    """Activate the prepared key, or create and activate a new one.

    The previous key still decrypts its tokens. Running servers load the file within seconds; until
    then, a server refuses tokens of a key that it does not have. The rotation is recorded in the
    audit trail of every project, if the database is reachable.
    """
    file = Path(ctx.settings.keyring)
    with _write_failures(file):
        keys = rotate_keyring(file, ctx.clock, ctx.entropy, ctx.settings.keyring_kek)
    active = next(key for key in keys if key.state is KeyState.ACTIVE)
    _record(ctx, EventKind.KEY_ROTATED, active.id, keys)
    ctx.report.write_json(
        {"keyring": str(file.absolute()), "keys": [_as_dict(key) for key in keys]}
    )
    ctx.report.write_line(f"Activated {active.id} in {file}. Older keys: {len(keys) - 1}.")


@command(app, "retire", changes=True)
def retire(
    ctx: CommandContext,
    key: Annotated[str, typer.Argument(metavar="ID", help="The id of an inactive key.")],
    now: Annotated[
        bool,
        typer.Option(
            "--now", metavar="", help="Remove the key even if its tokens are active: it leaked."
        ),
    ] = False,
    yes: Yes = False,
) -> None:
    """Remove an inactive key. Tokens encrypted with it stop working.

    Fails while such tokens may be active, unless --now is given, which asks for confirmation. The
    removal is recorded in the audit trail of every project, if the database is reachable.
    """
    file, kek = Path(ctx.settings.keyring), ctx.settings.keyring_kek
    found = next((known for known in list_keys(file, kek) if known.id == key), None)
    if found is None:
        raise Failure(f"the keyring at {file} has no key {key}")
    if found.state is KeyState.ACTIVE:
        raise Failure(f"{key} is the active key: run `satmint keys rotate` first")
    unused = found.state is KeyState.NEXT
    try:
        use = KeyUsage(0, 0) if unused else usage_of(ctx.settings, found, ctx.clock.now())
    except SettingsError as error:
        if not now:
            message = f"cannot find active tokens of {key}: {error} (or pass --now)"
            raise Failure(message) from error
        use = KeyUsage(0, 0)
    if use.until and not now:
        raise Failure(
            f"tokens of {key} may be active until {iso(use.until)}"
            f" ({_session_count(use.sessions)}): wait, or pass --now to invalidate them"
        )
    if now and not unused:
        confirm(ctx.report, _retirement_question(key, use), yes=yes)
    with _write_failures(file):
        rest = remove_key(file, key, kek, ctx.entropy)
    _record(ctx, EventKind.KEY_RETIRED, key, rest)
    ctx.report.write_json(
        {
            "keyring": str(file.absolute()),
            "removed": key,
            "sessions_cut_off": use.sessions if use.until else 0,
        }
    )
    ctx.report.write_line(f"Removed {key} from {file}.")
    if use.until:
        ctx.report.write_line(
            f"Its tokens no longer work: {_session_count(use.sessions)} may have to sign in again."
        )


def _retirement_question(key: str, use: KeyUsage) -> str:
    cut_off = f" and cut off {_session_count(use.sessions)}" if use.until else ""
    return f"Remove key {key}{cut_off}?"


@command(app, "adopt", changes=True)
async def adopt(ctx: CommandContext) -> None:
    """Confirm that the keyring is the one of the database from now on.

    Needed only if the keyring was replaced on purpose: servers then warn that the database does
    not know it (`keyring_unknown`), and stop within seconds. Nothing that was encrypted with the
    former keyring can be decrypted: users sign in again, and webhooks are created again.
    """
    async with ctx.services(keyring=True) as services:
        before = await adopt_keyring(services)
        keys = [key.id for key in services.cipher.keyring.keys]
    database = without_password(ctx.settings.database)
    ctx.report.write_json({"database": database, "keys": keys, "before": sorted(before)})
    ctx.report.write_line(f"{database}: knows {', '.join(keys)} from now on.")


@command(app, "wrap", changes=True)
def wrap(
    ctx: CommandContext,
    former: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="KEK", help="The key that wraps it now, to change the wrapping key."
        ),
    ] = None,
) -> None:
    """Encrypt the keyring with the key of the setting `keyring_kek`.

    Then start servers with the setting: they accept only a wrapped keyring with it, and only an
    unwrapped one without it. The unencrypted keys may remain on the disk and in backups: rotate.
    """
    file = Path(ctx.settings.keyring)
    with _write_failures(file):
        count = wrap_keyring(file, _required_kek(ctx), former, ctx.entropy)
    ctx.report.write_json({"keyring": str(file.absolute()), "wrapped": True, "keys": count})
    ctx.report.write_line(f"Wrapped {file} with {_key_count(count)}.")


@command(app, "unwrap", changes=True)
def unwrap(ctx: CommandContext) -> None:
    """Decrypt a wrapped keyring file.

    Then start servers without the setting `keyring_kek`.
    """
    file = Path(ctx.settings.keyring)
    with _write_failures(file):
        count = unwrap_keyring(file, _required_kek(ctx), ctx.entropy)
    ctx.report.write_json({"keyring": str(file.absolute()), "wrapped": False, "keys": count})
    ctx.report.write_line(f"Unwrapped {file} with {_key_count(count)}.")


def _required_kek(ctx: CommandContext) -> str:
    if ctx.settings.keyring_kek is None:
        raise UsageError(
            "keyring_kek is not set: set SATMINT_KEYRING_KEK, or keyring_kek in the file"
        )
    return ctx.settings.keyring_kek


@contextmanager
def _write_failures(file: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise Failure(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from error


def _record(ctx: CommandContext, kind: EventKind, key: str, keys: Sequence[KeyInfo]) -> None:
    """Record a change of the keyring in all audit trails. If this fails, the change remains.

    Args:
        ctx: The context of the command.
        kind: The kind of the event.
        key: The id of the key that the event is about.
        keys: All keys of the keyring after the change.
    """

    async def record() -> None:
        async with ctx.services() as services:
            await record_in_all_projects(services, kind, key, ctx.origin)
            await record_keys(services, [each.id for each in keys])

    try:
        with failures_for_user(ctx.settings):
            asyncio.run(record())
    except Failure as error:
        write_message(
            f"not recorded in the audit trail: {error}", "note", as_json=ctx.report.as_json
        )


def _as_dict(key: KeyInfo) -> dict[str, str | None]:
    return {
        "id": key.id,
        "state": key.state.value,
        "created_at": iso_or_none(key.created_at),
        "retired_at": iso_or_none(key.retired_at),
    }


def _session_count(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"


def _key_count(count: int) -> str:
    return "1 key" if count == 1 else f"{count} keys"
