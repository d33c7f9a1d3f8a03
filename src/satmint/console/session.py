"""Sessions of the console: a sealed cookie, so that every worker and every node can read it.

Nothing about a session is kept in a process. The cookie is encrypted with the keyring: its content
is hidden from the browser, and nobody without the keyring can make one.
"""

from collections.abc import Callable
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from satmint.console.viewer import Viewer
from satmint.jose.keyring import Keyring
from satmint.jose.secret_box import SecretBox
from satmint.jose.token_cipher import CannotOpen
from satmint.model.base64url import b64url
from satmint.model.entropy import Entropy
from satmint.model.lifetimes import expired

T = TypeVar("T")

SESSION_SECONDS: Final = 8 * 3600
"""How long a session lasts."""
IDLE_SECONDS: Final = 3600
"""How long a session lasts after the last page that was opened."""
LINK_SECONDS: Final = 60
"""How long a sign-in link of `satmint console` is valid."""
_TOUCH_SECONDS: Final = 30
_MAX_CHARS: Final = 3000
_FLASH_CHARS: Final = 500
_FLASH_SECONDS: Final = 60


class ConsoleSession(msgspec.Struct, frozen=True):
    """The content of a session's cookie."""

    id: str
    """Random."""
    csrf_token: str
    """Random; every form that changes something has it."""
    viewer: Viewer
    started_at: int
    """Unix seconds."""
    seen_at: int
    """Unix seconds of the last page, to within `_TOUCH_SECONDS`."""
    project: UUID | None = None
    """The project that an operator looked at last."""

    def is_over(self, now: int) -> bool:
        """Whether it has expired at `now` (Unix seconds)."""
        return expired(self.started_at + SESSION_SECONDS, now) or expired(
            self.seen_at + IDLE_SECONDS, now
        )

    def seen(self, now: int, project: UUID | None) -> "ConsoleSession":
        """The session after a page was opened: the same object if the cookie can stay."""
        project = project or self.project
        if now - self.seen_at < _TOUCH_SECONDS and project == self.project:
            return self
        return msgspec.structs.replace(self, seen_at=max(now, self.seen_at), project=project)


class Flash(msgspec.Struct, frozen=True):
    """A message for the next page: what an action has done."""

    text: str
    tone: str = "good"
    """`good` or `bad`."""


class Link(msgspec.Struct, frozen=True):
    """The content of a sign-in link's code."""

    id: str
    """Random. It is remembered when the code is used."""
    expires_at: int
    """Unix seconds."""


def new_session(entropy: Entropy, viewer: Viewer, now: int) -> ConsoleSession:
    """Begin a session."""
    identifier, csrf_token = b64url(entropy.take(16)), b64url(entropy.take(24))
    return ConsoleSession(identifier, csrf_token, viewer, now, now)


class Seals:
    """Seals sessions, messages and sign-in codes with the keyring, each for its own purpose."""

    def __init__(self, keyring: Callable[[], Keyring], entropy: Entropy) -> None:
        """Prepare.

        Args:
            keyring: Returns the current keyring.
            entropy: For ids, salts and IVs.
        """

        def box(purpose: bytes) -> SecretBox:
            return SecretBox(keyring, entropy, purpose, _MAX_CHARS)

        self._entropy = entropy
        self._sessions = box(b"satmint/v1/Console session")
        self._flashes = box(b"satmint/v1/Console message")
        self._codes = box(b"satmint/v1/Console code")

    def seal_session(self, session: ConsoleSession) -> str:
        """The value of a session's cookie."""
        return self._sessions.seal(_encode(session))

    def open_session(self, text: str, now: int) -> ConsoleSession | None:
        """The session of a cookie; None: there is none, or it has expired."""
        session = _opened(self._sessions, text, ConsoleSession)
        return None if session is None or session.is_over(now) else session

    def seal_flash(self, flash: Flash) -> str:
        """The value of a message's cookie."""
        text = flash.text
        if len(text) > _FLASH_CHARS:
            text = f"{text[: _FLASH_CHARS - 1]}…"
        return self._flashes.seal(_encode(Flash(text, flash.tone)))

    def open_flash(self, text: str) -> Flash | None:
        """The message of a cookie; None: there is none."""
        return _opened(self._flashes, text, Flash)

    def new_code(self, now: int) -> str:
        """A code that signs in the operator, once, within `LINK_SECONDS`."""
        link = Link(b64url(self._entropy.take(16)), now + LINK_SECONDS)
        return self._codes.seal(_encode(link))

    def open_code(self, text: str, now: int) -> Link | None:
        """The content of a code; None: it is invalid or has expired.

        Not checked here: whether it was used.
        """
        link = _opened(self._codes, text, Link)
        return None if link is None or expired(link.expires_at, now) else link


class Cookies:
    """The names and attributes of the console's cookies.

    Browsers send a cookie to every port of a host, so the name contains the port: the consoles of
    two servers on one machine do not sign each other out.
    """

    def __init__(self, host: str, *, secure: bool) -> None:
        """Prepare.

        Args:
            host: The `Host` header of the request.
            secure: Whether the browser uses TLS, here or at a proxy.
        """
        port = host.rpartition("]")[2].rpartition(":")[2]
        # RFC 6265bis, section 4.1.3: browsers accept this prefix only with `Secure`.
        prefix = "__Secure-" if secure else ""
        suffix = f"-{port}" if port.isdigit() and port.isascii() else ""
        self.session = f"{prefix}satmint-console{suffix}"
        self.flash = f"{prefix}satmint-console-message{suffix}"
        self._secure = secure

    def read(self, header: str) -> dict[str, str]:
        """The values of a `Cookie` header, by name.

        Cookies of other applications of this host may have any form, and disturb no others.
        """
        pairs = (part.strip().partition("=") for part in header.split(";"))
        return {name: value for name, _, value in pairs}

    def set_session(self, value: str) -> tuple[bytes, bytes]:
        """The header that stores a session."""
        return self._header(self.session, value, SESSION_SECONDS)

    def set_flash(self, value: str) -> tuple[bytes, bytes]:
        """The header that stores a message."""
        return self._header(self.flash, value, _FLASH_SECONDS)

    def delete(self, name: str) -> tuple[bytes, bytes]:
        """The header that deletes a cookie."""
        return self._header(name, "", 0)

    def _header(self, name: str, value: str, max_age: int) -> tuple[bytes, bytes]:
        secure = "; Secure" if self._secure else ""
        attributes = f"Path=/console; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"
        return b"set-cookie", f"{name}={value}; {attributes}".encode("ascii")


def _encode(value: object) -> bytes:
    return msgspec.json.encode(value)


def _opened(box: SecretBox, text: str, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(box.open(text), type=kind)
    except (CannotOpen, ValueError):
        return None
