"""Database URLs, taken apart as libpq does it, with their passwords separated."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self
from urllib.parse import SplitResult, quote, unquote, urlencode, urlunsplit

from satmint.model.database_parameters import KNOWN, check_parameters

_POSTGRES: Final = ("postgresql://", "postgres://")
_SQLITE: Final = "sqlite:///"
_INVALID: Final = "postgresql://["
"""Stands for a URL that cannot be parsed; no connection to it is possible."""
_SECRETS: Final = frozenset({"password", "sslpassword"})
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:@]+)(?::([0-9]*))?")
_POOLER: Final = "pgbouncer"
_MAX_PORT: Final = 65_535
_REMOVED: Final = dict.fromkeys(map(ord, "\t\r\n"))
"""What the URL standard removes, such as the end of the line that a URL was read from."""


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A database URL in two parts: a redacted one that may be shown, and the secrets."""

    redacted: str
    """The URL without any password."""
    secrets: dict[str, str] = field(repr=False)
    """`password` and `sslpassword`, if the URL contains them."""
    user: str | None = field(default=None, repr=False)
    hosts: tuple[tuple[str, int | None], ...] = field(default=(), repr=False)
    """Hosts, addresses or folders of sockets, with their ports. Empty: the URL names none."""
    database: str | None = field(default=None, repr=False)
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """Its other parameters, by libpq's names, without empty ones."""

    @classmethod
    def of(cls, url: str) -> Self:
        """Split `url`. A URL of another database than PostgreSQL has no secrets."""
        try:
            return cls._parsed(url) if is_postgres(url) else cls(url, {})
        except ValueError:
            return cls(_INVALID, {})

    @classmethod
    def _parsed(cls, url: str) -> Self:
        """Split a PostgreSQL URL.

        Raises:
            ValueError: it is not valid, or its password contains a delimiter.
        """
        parts = _split(url)
        if _is_ambiguous(parts):
            raise ValueError
        secrets: dict[str, str] = {}
        account, at, hosts = parts.netloc.rpartition("@")
        name, _, password = account.partition(":")
        if password:
            secrets["password"] = unquote(password)
        shown = []
        for key, value in _pairs(parts.query):
            if key in _SECRETS:
                secrets.setdefault(key, value)
            else:
                shown.append((key, value))
        parameters = {key: value for key, value in shown if value}
        query = urlencode([pair for pair in shown if pair[0] in KNOWN], safe="/,:", quote_via=quote)
        bare = parts._replace(netloc=f"{name}{at}{hosts}", query=query)
        return cls(
            urlunsplit(bare),
            secrets,
            parameters.pop("user", "") or unquote(name) or None,
            _hosts(hosts, parameters.pop("host", ""), parameters.pop("port", "")),
            parameters.pop("dbname", parameters.pop("database", ""))
            or unquote(parts.path.removeprefix("/"))
            or None,
            MappingProxyType(parameters),
        )

    @property
    def behind_pooler(self) -> bool:
        """Whether the URL says, as those of hosting companies do, that it leads to PgBouncer."""
        return self.parameters.get(_POOLER) == "true"

    @property
    def for_tools(self) -> str:
        """The redacted URL for `pg_dump` and `pg_restore`, which know only libpq's parameters."""
        parts = _split(self.redacted)
        pairs = [pair for pair in parts.query.split("&") if not pair.startswith(f"{_POOLER}=")]
        return urlunsplit(parts._replace(query="&".join(pairs)))


def check_database_url(url: str) -> str:
    """Return `url` if a database can be opened with it.

    Raises:
        InvalidParameter: a parameter of it is not understood.
        ValueError: it is not the URL of a supported database. The message follows the setting's
            name and repeats nothing of the URL.
    """
    path = unquote(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else ""
    if path and "\0" not in path:
        return url
    if not is_postgres(url):
        raise ValueError(
            "must be of the form sqlite:///path/to/file or postgresql://user@host/name"
        )
    found = DatabaseUrl.of(url)
    if found.redacted == _INVALID:
        raise ValueError(
            "is not a valid PostgreSQL URL: percent-encode special characters of its password, and"
            " check its hosts and ports"
        )
    check_parameters(dict(_pairs(_split(url).query)))
    parts = (
        found.user,
        found.database,
        *found.secrets.values(),
        *(host for host, _ in found.hosts),
    )
    if any("\0" in part for part in parts if part):
        raise ValueError("has a zero byte, %00, which PostgreSQL does not accept")
    return url


def _split(url: str) -> SplitResult:
    """The parts of a URL with an authority (RFC 3986, section 3).

    `urllib.parse.urlsplit` refuses several hosts with an IPv6 address among them, from Python 3.13.
    """
    rest, _, fragment = url.translate(_REMOVED).partition("#")
    rest, _, query = rest.partition("?")
    scheme, _, rest = rest.partition("://")
    authority, slash, path = rest.partition("/")
    return SplitResult(scheme, authority, f"{slash}{path}", query, fragment)


def _pairs(query: str) -> list[tuple[str, str]]:
    """The parameters of a query. A plus sign is one, as for libpq, and not a blank.

    Raises:
        ValueError: a parameter has no equals sign.
    """
    pairs = []
    for pair in filter(None, query.split("&")):
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError
        pairs.append((unquote(name), unquote(value)))
    return pairs


def _hosts(authority: str, hosts: str, ports: str) -> tuple[tuple[str, int | None], ...]:
    """The hosts of a URL; those of its parameters go before those of its authority.

    Raises:
        ValueError: one of them is malformed, or there are not as many ports as hosts.
    """
    if hosts:
        # Folders of sockets and IPv6 addresses without brackets are valid here.
        named = [host.removeprefix("[").removesuffix("]") for host in hosts.split(",")]
        numbers = ports.split(",") if ports else [""]
        if len(numbers) == 1:
            numbers *= len(named)
        return tuple((_given(host), _port(p)) for host, p in zip(named, numbers, strict=True))
    split = []
    for host in authority.split(",") if authority else ():
        found = _HOST.fullmatch(host)
        if found is None:
            raise ValueError
        name = unquote(found[1]).removeprefix("[").removesuffix("]")
        split.append((name, _port(found[2] or ports)))
    return tuple(split)


def _given(host: str) -> str:
    if not host:
        raise ValueError
    return host


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _MAX_PORT):
        raise ValueError
    return int(text)


def _is_ambiguous(parts: SplitResult) -> bool:
    """Whether a password contains an unescaped delimiter, such as a slash.

    The rest of the password would be parsed as, for example, the database's name, and be shown.
    """
    early = "@" in parts.path or bool(parts.fragment)
    early = early or any("@" in pair.partition("=")[0] for pair in parts.query.split("&"))
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
