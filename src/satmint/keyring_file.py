"""The keyring at rest: a file that only its owner can read, or an environment variable.

If a wrapping key is set (`satmint.keyring_kek`), the keyring is stored wrapped and nothing else is
accepted: otherwise an attacker who can replace the file could install a keyring of their own.
"""

import os
from pathlib import Path
from typing import Final

from satmint.jose import Keyring, KeyringError, is_wrapped
from satmint.keyring_kek import KeyringWrapper
from satmint.model.clock import Clock
from satmint.model.entropy import Entropy
from satmint.private_file import replace_private_file
from satmint.settings import SettingsError

_IN_VARIABLE: Final = "env:"


def variable_of(file: Path) -> str | None:
    """The variable's name if `file` is `env:NAME`; else None."""
    text = str(file)
    return text.removeprefix(_IN_VARIABLE) if text.startswith(_IN_VARIABLE) else None


def absolute_file(keyring: str) -> Path:
    """The setting `keyring` as a path that is the same in any current folder."""
    file = Path(keyring)
    return file if variable_of(file) is not None else file.absolute()


def open_keyring(
    file: Path, clock: Clock, entropy: Entropy, *, create: bool, kek: str | None = None
) -> Keyring:
    """Read the keyring in `file`; create it if requested.

    Args:
        file: See `variable_of`.
        clock: For the time of creation.
        entropy: For keys and IVs.
        create: Whether to create a missing keyring.
        kek: The source of the wrapping key; None if the keyring is not wrapped.

    Raises:
        SettingsError: the keyring is missing, unreadable or invalid.
    """
    wrapping = None if kek is None else KeyringWrapper(kek, entropy)
    try:
        if create and variable_of(file) is None and not file.exists():
            write_keyring(file, Keyring.new(entropy, clock.now()), wrapping)
        return read_keyring(file, wrapping)
    except FileNotFoundError as error:
        message = f"there is no keyring at {file}: create one with `satmint keys init`"
        raise SettingsError(message) from error
    except (OSError, KeyringError) as error:
        message = f"cannot use the keyring at {file}: {error}"
        raise SettingsError(message) from error


def read_keyring(file: Path, wrapping: KeyringWrapper | None = None) -> Keyring:
    """Read the keyring in `file`. Blocks while a command provides the wrapping key.

    Args:
        file: See `variable_of`.
        wrapping: Unwraps it; None if it is not wrapped.

    Raises:
        OSError: the file cannot be read.
        KeyringError: it is not a keyring, or is wrapped unexpectedly, or is not wrapped.
    """
    text = _text_of(file)
    if wrapping is None:
        if is_wrapped(text):
            raise KeyringError(
                "the keyring is wrapped: set keyring_kek, or pass --from to change the wrapping key"
            )
        return Keyring.from_jwks(text)
    if not is_wrapped(text):
        raise KeyringError("keyring_kek is set, but it is not wrapped: run `satmint keys wrap`")
    return wrapping.unwrapped(text)


def _text_of(file: Path) -> str:
    variable = variable_of(file)
    if variable is not None:
        if not os.environ.get(variable):
            raise KeyringError("the variable is not set")
        return os.environ[variable]
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise KeyringError("the keyring is not UTF-8") from error


def write_keyring(file: Path, keyring: Keyring, wrapping: KeyringWrapper | None = None) -> None:
    """Replace `file` atomically and durably; readable by its owner only; see `private_file`.

    Args:
        file: The file.
        keyring: The keyring.
        wrapping: Wraps it before anything is written; None to store it unwrapped.

    Raises:
        OSError: the file cannot be written; it is unchanged.
        KeyringError: the keyring is in a variable, which must be changed where it is set, or the
            wrapping key is not available; the file is unchanged.
    """
    if variable_of(file) is not None:
        raise KeyringError("cannot write a keyring in a variable: change the variable")
    text = keyring.to_jwks() if wrapping is None else wrapping.wrapped(keyring)
    # Tokens are issued with the new key at once: it must survive a crash.
    replace_private_file(file, text)
