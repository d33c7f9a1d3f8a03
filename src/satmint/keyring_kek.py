"""The key encryption key (KEK) that wraps the keyring at rest, and its sources.

`env:NAME` is a variable, `file:PATH` a file, such as a systemd credential or a mounted secret, and
`command:…` a program that queries a key management service. Each yields 32 bytes in base64url or
base64. The key is read whenever the keyring is read or written, and not kept.
"""

import os
import shlex
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from satmint.jose import Keyring, KeyringError, unwrap, wrap
from satmint.model.base64url import NotBase64Url, b64url_decode
from satmint.model.entropy import Entropy

COMMAND_SECONDS: Final = 10.0
"""How long a command may take to print the key."""
_KEY_BYTES: Final = 32
_TO_URL: Final = str.maketrans("+/", "-_")


@dataclass(frozen=True, slots=True)
class KeyringWrapper:
    """Wraps and unwraps keyrings with the key of a source."""

    source: str
    """The setting `keyring_kek`."""
    entropy: Entropy
    """For IVs."""

    def wrapped(self, keyring: Keyring) -> str:
        """The keyring as an encrypted JWK Set.

        Raises:
            KeyringError: the key is not available.
        """
        return wrap(keyring, wrapping_key(self.source), self.entropy)

    def unwrapped(self, text: str) -> Keyring:
        """The keyring in an encrypted JWK Set.

        Raises:
            KeyringError: the key is not available or not the right one, or the text is damaged.
        """
        return unwrap(text, wrapping_key(self.source))


def wrapping_key(source: str) -> bytes:
    """Read the key that wraps the keyring. Blocks while a command runs.

    Raises:
        KeyringError: the key is not available or invalid.
    """
    kind, _, where = source.partition(":")
    encoded = _KEY_SOURCES[kind](where) if kind in _KEY_SOURCES else None
    if encoded is None:
        raise KeyringError("keyring_kek must begin with env:, file: or command:")
    try:
        key = b64url_decode(encoded.strip().translate(_TO_URL).rstrip("="))
    except NotBase64Url:
        key = b""
    if len(key) != _KEY_BYTES:
        raise KeyringError(f"{kind} of keyring_kek must contain 32 bytes in base64url")
    return key


def _from_variable(name: str) -> str:
    if not os.environ.get(name):
        raise KeyringError(f"the variable {name}, which keyring_kek names, is not set")
    return os.environ[name]


def _from_file(name: str) -> str:
    try:
        return Path(name).read_text(encoding="ascii")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"cannot read {name}, which keyring_kek names: {reason}"
        raise KeyringError(message) from error
    except UnicodeDecodeError:
        return ""


def _from_command(line: str) -> str:
    """The output of a program, run without a shell. Its error output may be secret too."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise KeyringError("the command of keyring_kek has an unclosed quotation mark") from error
    if not words:
        raise KeyringError("the command of keyring_kek is empty")
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own command, without a shell
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"cannot run {words[0]}, the command of keyring_kek: {reason}"
        raise KeyringError(message) from error
    try:
        output, _ = process.communicate(timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired as error:
        message = f"{words[0]}, the command of keyring_kek, took over {COMMAND_SECONDS:g} s"
        raise KeyringError(message) from error
    finally:
        if process.poll() is None:
            # Kill its children too: a survivor would hold the pipe open, and block for ever.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode != 0:
        message = f"{words[0]}, the command of keyring_kek, failed with {process.returncode}"
        raise KeyringError(message)
    return output.decode("ascii", errors="replace")


_KEY_SOURCES: Final = {"env": _from_variable, "file": _from_file, "command": _from_command}
