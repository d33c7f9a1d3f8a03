"""The keyring at rest: a file that only its owner can read, or an environment variable."""

import os
from pathlib import Path
from typing import Final

from satmint.jose import Keyring, KeyringError
from satmint.model.clock import Clock
from satmint.model.entropy import Entropy
from satmint.settings import SettingsError

_IN_VARIABLE: Final = "env:"


def variable_of(file: Path) -> str | None:
    """The variable that holds the keyring, where `env:NAME` stands in place of a file's name."""
    text = str(file)
    return text.removeprefix(_IN_VARIABLE) if text.startswith(_IN_VARIABLE) else None


def open_keyring(file: Path, clock: Clock, entropy: Entropy, *, create: bool) -> Keyring:
    """The keyring in `file`, made on the spot if that is wanted. See `variable_of`.

    Raises:
        SettingsError: it is not there, cannot be read or is no keyring.
    """
    try:
        if create and variable_of(file) is None and not file.exists():
            write_keyring(file, Keyring.new(entropy, clock.now()))
        return read_keyring(file)
    except FileNotFoundError as error:
        message = f"there is no keyring at {file}: make one with `satmint keys init`"
        raise SettingsError(message) from error
    except (OSError, KeyringError) as error:
        message = f"cannot use the keyring at {file}: {error}"
        raise SettingsError(message) from error


def read_keyring(file: Path) -> Keyring:
    """The keyring in `file`. See `variable_of`.

    Raises:
        OSError: it cannot be read.
        KeyringError: it is no keyring.
    """
    variable = variable_of(file)
    if variable is not None:
        if variable not in os.environ:
            raise KeyringError("the variable is not set")
        return Keyring.from_jwks(os.environ[variable])
    try:
        return Keyring.from_jwks(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise KeyringError("the keyring is no UTF-8 text") from error


def write_keyring(file: Path, keyring: Keyring) -> None:
    """Replace `file` in one step, durably, readable by its owner only, who stays the same.

    Raises:
        OSError: it cannot be written; then it is as it was.
        KeyringError: it is in a variable, which has to be changed where it is set.
    """
    if variable_of(file) is not None:
        raise KeyringError("a keyring in a variable is changed where the variable is set")
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        if file.exists() and os.geteuid() == 0:
            # A rotation by root must not take the file away from the server's user.
            before = file.stat()
            os.fchown(stream.fileno(), before.st_uid, before.st_gid)
        stream.write(keyring.to_jwks())
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
    folder = os.open(file.absolute().parent, os.O_RDONLY)
    try:
        # Tokens are made with the new key at once: it must not be gone after a crash.
        os.fsync(folder)
    finally:
        os.close(folder)
