"""The keyring at rest: a file that only its owner can read, or an environment variable.

Where a key is set that wraps it (`satmint.keyring_kek`), it rests wrapped, and nothing else is
taken: otherwise whoever can replace the file could put in a keyring that he knows.
"""

import os
from pathlib import Path
from typing import Final

from satmint.jose import Keyring, KeyringError, is_wrapped
from satmint.keyring_kek import Wrapping
from satmint.model.clock import Clock
from satmint.model.entropy import Entropy
from satmint.settings import SettingsError

_IN_VARIABLE: Final = "env:"


def variable_of(file: Path) -> str | None:
    """The variable that holds the keyring, where `env:NAME` stands in place of a file's name."""
    text = str(file)
    return text.removeprefix(_IN_VARIABLE) if text.startswith(_IN_VARIABLE) else None


def open_keyring(
    file: Path, clock: Clock, entropy: Entropy, *, create: bool, kek: str | None = None
) -> Keyring:
    """The keyring in `file`, made on the spot if that is wanted.

    Args:
        file: See `variable_of`.
        clock: For when it was made.
        entropy: For keys and IVs.
        create: Whether to make it where there is none.
        kek: Where the key is that wraps it; None: it rests in the clear.

    Raises:
        SettingsError: it is not there, cannot be read or is no keyring.
    """
    wrapping = None if kek is None else Wrapping(kek, entropy)
    try:
        if create and variable_of(file) is None and not file.exists():
            write_keyring(file, Keyring.new(entropy, clock.now()), wrapping)
        return read_keyring(file, wrapping)
    except FileNotFoundError as error:
        message = f"there is no keyring at {file}: make one with `satmint keys init`"
        raise SettingsError(message) from error
    except (OSError, KeyringError) as error:
        message = f"cannot use the keyring at {file}: {error}"
        raise SettingsError(message) from error


def read_keyring(file: Path, wrapping: Wrapping | None = None) -> Keyring:
    """The keyring in `file`. Blocks where a command tells the key that wraps it.

    Args:
        file: See `variable_of`.
        wrapping: What unwraps it; None: it rests in the clear.

    Raises:
        OSError: it cannot be read.
        KeyringError: it is no keyring, or is wrapped and should not be, or the reverse.
    """
    text = _text_of(file)
    if wrapping is None:
        if is_wrapped(text):
            raise KeyringError(
                "it is wrapped: say what unwraps it with keyring_kek, or --from to wrap it anew"
            )
        return Keyring.from_jwks(text)
    if not is_wrapped(text):
        raise KeyringError("keyring_kek is set, and it is not wrapped: `satmint keys wrap` does it")
    return wrapping.unwrapped(text)


def _text_of(file: Path) -> str:
    variable = variable_of(file)
    if variable is not None:
        if variable not in os.environ:
            raise KeyringError("the variable is not set")
        return os.environ[variable]
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise KeyringError("the keyring is no UTF-8 text") from error


def write_keyring(file: Path, keyring: Keyring, wrapping: Wrapping | None = None) -> None:
    """Replace `file` in one step, durably, readable by its owner only, who stays the same.

    Args:
        file: Where.
        keyring: What.
        wrapping: What wraps it before anything reaches the disk; None: it rests in the clear.

    Raises:
        OSError: it cannot be written; then it is as it was.
        KeyringError: it is in a variable, which has to be changed where it is set, or the key that
            wraps it cannot be had; then it is as it was, too.
    """
    if variable_of(file) is not None:
        raise KeyringError("a keyring in a variable is changed where the variable is set")
    text = keyring.to_jwks() if wrapping is None else wrapping.wrapped(keyring)
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        if file.exists() and os.geteuid() == 0:
            # A rotation by root must not take the file away from the server's user.
            before = file.stat()
            os.fchown(stream.fileno(), before.st_uid, before.st_gid)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
    folder = os.open(file.absolute().parent, os.O_RDONLY)
    try:
        # Tokens are made with the new key at once: it must not be gone after a crash.
        os.fsync(folder)
    finally:
        os.close(folder)
