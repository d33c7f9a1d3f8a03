"""The key that wraps the keyring at rest, and where it is had from.

`env:NAME` is a variable, `file:PATH` a file, such as a credential of systemd or a mounted secret,
`command:…` a program that asks a key management service. Each of them tells 32 bytes in base64url
or base64. It is asked for whenever the keyring is read or written, and not kept.
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
"""How long a command may take to tell the key."""
_KEY_BYTES: Final = 32
_TO_URL: Final = str.maketrans("+/", "-_")


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What wraps and unwraps keyrings, wherever its key is."""

    source: str
    """As the setting `keyring_kek` says."""
    entropy: Entropy
    """For IVs."""

    def wrapped(self, keyring: Keyring) -> str:
        """The keyring as an encrypted JWK Set.

        Raises:
            KeyringError: the key cannot be had.
        """
        return wrap(keyring, wrapping_key(self.source), self.entropy)

    def unwrapped(self, text: str) -> Keyring:
        """The keyring that was wrapped.

        Raises:
            KeyringError: the key cannot be had, is another one, or the text is damaged.
        """
        return unwrap(text, wrapping_key(self.source))


def wrapping_key(source: str) -> bytes:
    """The key that wraps the keyring. Blocks while a command is asked.

    Raises:
        KeyringError: it cannot be had, or is none.
    """
    kind, _, where = source.partition(":")
    told = _TELLERS[kind](where) if kind in _TELLERS else None
    if told is None:
        raise KeyringError("keyring_kek must begin with env:, file: or command:")
    try:
        key = b64url_decode(told.strip().translate(_TO_URL).rstrip("="))
    except NotBase64Url:
        key = b""
    if len(key) != _KEY_BYTES:
        raise KeyringError(f"{kind} of keyring_kek must tell 32 bytes in base64url")
    return key


def _from_variable(name: str) -> str:
    if name not in os.environ:
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
    """What a program says, run without a shell. What it says of errors may be secret, too."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise KeyringError("the command of keyring_kek has a quote without its end") from error
    if not words:
        raise KeyringError("the command of keyring_kek is empty")
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own words, and no shell
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
        said, _ = process.communicate(timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired as error:
        message = f"{words[0]}, the command of keyring_kek, took over {COMMAND_SECONDS:g} s"
        raise KeyringError(message) from error
    finally:
        if process.poll() is None:
            # Its children too: one that lives on would hold the pipe, and us, for ever.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode != 0:
        message = f"{words[0]}, the command of keyring_kek, failed with {process.returncode}"
        raise KeyringError(message)
    return said.decode("ascii", errors="replace")


_TELLERS: Final = {"env": _from_variable, "file": _from_file, "command": _from_command}
