"""Where a database is, with its password kept apart."""

from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

_POSTGRES: Final = ("postgresql://", "postgres://")
_SENSELESS: Final = "postgresql://["
"""Stands for whatever cannot be taken apart: no more can it be connected to."""
_SECRETS: Final = frozenset({"password", "sslpassword"})


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """The URL of a database in two halves: the one that may be shown, and the secrets."""

    shown: str
    """As it was given, without any password."""
    secrets: dict[str, str] = field(repr=False)
    """`password` and `sslpassword`, where the URL holds them."""

    @classmethod
    def of(cls, url: str) -> Self:
        """The two halves of `url`. What is no URL of a PostgreSQL database has no secrets."""
        if not is_postgres(url):
            return cls(url, {})
        try:
            parts = urlsplit(url)
        except ValueError:
            return cls(_SENSELESS, {})
        if _is_cut_short(parts):
            return cls(_SENSELESS, {})
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


def _is_cut_short(parts: SplitResult) -> bool:
    """Whether a password holds a sign that ends it early, such as a slash that is not escaped.

    The rest of it would be taken for a database's name, say, and be shown.
    """
    early = "@" in parts.path or bool(parts.fragment)
    keys = [key for key, _ in parse_qsl(parts.query, keep_blank_values=True)]
    early = early or any("@" in key for key in keys)
    early = early or ("@" in parts.query and "@" not in parts.netloc)
    hosts = parts.netloc.rpartition("@")[2].split(",")
    ports = [host.rpartition("]")[2].rpartition(":")[2] for host in hosts if ":" in host]
    return early or not all(port.isascii() and (port or "0").isdigit() for port in ports)


def is_postgres(url: str) -> bool:
    """Whether `url` is that of a PostgreSQL database."""
    return url.startswith(_POSTGRES)


def without_password(url: str) -> str:
    """The URL of a database, fit for a terminal or a log."""
    return DatabaseUrl.of(url).shown
