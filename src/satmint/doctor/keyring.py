"""The keyring: can it be read, by whom, how old is its active key."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from satmint.doctor.finding import Finding, error, ok, skipped, warning
from satmint.jose import Keyring
from satmint.keyring_file import absolute_file, open_keyring, variable_of
from satmint.model.clock import SystemClock
from satmint.model.entropy import SystemEntropy
from satmint.private_file import is_open_to_others
from satmint.settings import Settings, SettingsError

_DAY: Final = 86_400
_OLD_DAYS: Final = 183
_MANY_KEYS: Final = 8


def read_keyring(settings: Settings) -> tuple[Keyring | None, Finding]:
    """The keyring of the settings, and the finding about it; blocks while a KEK is fetched."""
    file = absolute_file(settings.keyring)
    try:
        keyring = open_keyring(
            file, SystemClock(), SystemEntropy(), create=False, kek=settings.keyring_kek
        )
    except SettingsError as failure:
        remedy = (
            "run `satmint keys init` for a new deployment; otherwise set keyring to the keyring of"
            " this database, or restore it from its backup"
        )
        return None, error("keyring.readable", str(failure), remedy)
    wrapped = " and is wrapped" if settings.keyring_kek is not None else ""
    count = len(keyring.keys)
    keys = "1 key" if count == 1 else f"{count} keys"
    return keyring, ok("keyring.readable", f"the keyring at {file} has {keys}{wrapped}")


def examine_keyring(settings: Settings, keyring: Keyring | None, now: int) -> Iterator[Finding]:
    """Permissions of the file, and the age of the keys.

    Args:
        settings: The settings.
        keyring: The keyring; None if it cannot be read.
        now: Unix seconds.
    """
    yield _permissions(absolute_file(settings.keyring))
    if keyring is not None:
        yield _age(keyring, now)


def _permissions(file: Path) -> Finding:
    check = "keyring.permissions"
    if variable_of(file) is not None:
        return skipped(check, "the keyring is in an environment variable")
    try:
        status = file.stat()
        folder = stat.S_IMODE(file.resolve().parent.stat().st_mode)
    except OSError as failure:
        return skipped(check, f"{file}: {(failure.strerror or 'failed').lower()}")
    mode = stat.S_IMODE(status.st_mode)
    if is_open_to_others(status, os.geteuid()):
        return error(
            check,
            f"{file} has mode {mode:04o}: others can read the keys or replace them",
            f"run `chmod 600 {file}`; if others have read it, `satmint keys rotate` and retire it",
        )
    if folder & 0o022 and not folder & stat.S_ISVTX:
        return warning(
            check,
            f"the folder {file.resolve().parent} has mode {folder:04o}: others can replace the"
            " keyring in it",
            f"run `chmod go-w {file.resolve().parent}`",
        )
    return ok(check, f"only the server can read it (mode {mode:04o})")


def _age(keyring: Keyring, now: int) -> Finding:
    check = "keyring.age"
    active = keyring.active
    since = active.created_at if active.active_since is None else active.active_since
    days = max(0, now - since) // _DAY
    if not since:
        return ok(check, f"the age of the active key {active.id} is not recorded")
    if days > _OLD_DAYS:
        return warning(
            check,
            f"the key {active.id} has been active for {days} days",
            "run `satmint keys add`, wait until all servers have it, then `satmint keys rotate`",
        )
    if len(keyring.keys) > _MANY_KEYS:
        return warning(
            check,
            f"the keyring has {len(keyring.keys)} keys",
            "run `satmint keys list` and `satmint keys retire` those that no token uses",
        )
    age = "1 day" if days == 1 else f"{days} days"
    return ok(check, f"the key {active.id} has been active for {age}")
