"""Database URLs, with their passwords separated."""

from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

_POSTGRES: Final = ("postgresql://", "postgres://")
_INVALID: Final = "postgresql://["
"""Stands for a URL that cannot be parsed; no connection to it is possible."""
_SECRETS: Final = frozenset({"password", "sslpassword"})


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A database URL in two parts: a redacted one that may be shown, and the secrets."""

    redacted: str
    """The URL without any password."""
    secrets: dict[str, str] = field(repr=False)
    """`password` and `sslpassword`, if the URL contains them."""

    @classmethod
    def of(cls, url: str) -> Self:
        """Split `url`. A URL of another database than PostgreSQL has no secrets."""
        if not is_postgres(url):
            return cls(url, {})
        try:
            parts = urlsplit(url)
        except ValueError:
            return cls(_INVALID, {})
        if _is_ambiguous(parts):
            return cls(_INVALID, {})
        secrets: dict[str, str] = {}
        user, at, hosts = parts.netloc.rpartition("@")
        name, _, password = user.partition(":")
        if password:
            secrets["password"] = unquote(password)
        shown = []
        for key, value in parse_qsl(parts.query, keep_blank_values=True):
            if key in _SECRETS:
                secrets.setdefault(key, value)
            else:
                shown.append((key, value))
        bare = parts._replace(netloc=f"{name}{at}{hosts}", query=urlencode(shown, safe="/,:"))
        return cls(urlunsplit(bare), secrets)


def _is_ambiguous(parts: SplitResult) -> bool:
    """Whether a password contains an unescaped delimiter, such as a slash.

    The rest of the password would be parsed as, for example, the database's name, and be shown.
    """
    early = "@" in parts.path or bool(parts.fragment)
    keys = [key for key, _ in parse_qsl(parts.query, keep_blank_values=True)]
    early = early or any("@" in key for key in keys)
    early = early or ("@" in parts.query and "@" not in parts.netloc)
    hosts = parts.netloc.rpartition("@")[2].split(",")
    ports = [host.rpartition("]")[2].rpartition(":")[2] for host in hosts if ":" in host]
    return early or not all(port.isascii() and (port or "0").isdigit() for port in ports)


def is_postgres(url: str) -> bool:
    """Whether `url` is a PostgreSQL URL."""
    return url.startswith(_POSTGRES)


def without_password(url: str) -> str:
    """A database URL without secrets, for terminals and logs."""
    return DatabaseUrl.of(url).redacted
