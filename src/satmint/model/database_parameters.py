"""The parameters of a PostgreSQL URL, as libpq reads them, or refused by name.

https://www.postgresql.org/docs/current/libpq-connect.html, sections 32.1.1.2 and 32.1.2.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "ssl_min_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "ssl_max_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "target_session_attrs": ("any", "read-write", "primary"),
    "channel_binding": ("disable", "prefer"),
    "gssencmode": ("disable", "prefer"),
    "sslcertmode": ("allow",),
    "load_balance_hosts": ("disable", "random"),
    "client_encoding": ("utf8", "UTF8", "utf-8", "UTF-8", "auto"),
    "pgbouncer": ("true", "false"),
    "ssl": ("true",),
    "sslcompression": ("0",),
    "sslsni": ("1",),
    "gssdelegation": ("0",),
    "requiressl": ("0",),
    "keepalives": ("0", "1"),
}
_REASONS: Final = {
    "channel_binding": "the driver has none; remove it, and use sslmode=verify-full instead",
    "target_session_attrs": "the server needs the primary",
    "requiressl": "use sslmode=require",
}
"""Why other choices of PostgreSQL are refused."""

_SECONDS: Final = frozenset({"connect_timeout", "keepalives_idle", "keepalives_interval"})
_COUNTS: Final = frozenset({"keepalives_count", "tcp_user_timeout"})

_TEXTS: Final = frozenset(
    {
        *("host", "port", "dbname", "database", "user", "password", "passfile", "service"),
        *("application_name", "fallback_application_name", "options", "krbsrvname", "gsslib"),
        *("sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword"),
    }
)

_REMEDIES: Final = {
    "hostaddr": "use host",
    "require_auth": "remove it; set the method in pg_hba.conf",
    "sslcrldir": "use sslcrl",
    "requirepeer": "remove it",
    "replication": "remove it",
    "connection_limit": "set database_connections",
    "pool_timeout": "remove it",
    "pool_size": "set database_connections",
    "schema": "use options=-c%20search_path%3DNAME",
    "currentSchema": "use options=-c%20search_path%3DNAME",
    "statement_cache_size": "set database_pooler",
    "prepareThreshold": "set database_pooler",
    "socket_timeout": "remove it",
    "sslidentity": "use sslcert and sslkey",
    "sslaccept": "use sslmode",
}
"""What to do instead of parameters of PostgreSQL, or of other clients, that are not supported."""

KNOWN: Final = _TEXTS | _SECONDS | _COUNTS | frozenset(_CHOICES)


class InvalidParameter(ValueError):
    """The message names the parameter, and follows the name of the setting. It has no value."""


def check_parameters(parameters: Mapping[str, str]) -> None:
    """Check that each parameter is understood.

    Args:
        parameters: By name, percent-decoded. An empty value stands for the default.

    Raises:
        InvalidParameter: one is not.
    """
    for name, value in parameters.items():
        if name not in KNOWN:
            # Behind a password, an unknown name may be the rest of it, after an ampersand.
            secret = name not in _REMEDIES and "password" in parameters
            shown = "with an unknown name" if secret or not _is_plain(name) else name
            raise InvalidParameter(f"has the parameter {shown}: {_remedy(name)}")
        if not value:
            continue
        if "\0" in value:
            raise InvalidParameter(f"has a zero byte in the parameter {name}")
        if name in _CHOICES and value not in _CHOICES[name]:
            choices = " or ".join(_CHOICES[name])
            reason = _REASONS.get(name)
            message = f"has the parameter {name}, which must be {choices}"
            raise InvalidParameter(f"{message}: {reason}" if reason else message)
        if name in _SECONDS | _COUNTS and not (value.isascii() and value.isdigit()):
            raise InvalidParameter(f"has the parameter {name}, which must be a number")
        if name == "sslrootcert" and value == "system":
            raise InvalidParameter(
                "has the parameter sslrootcert=system: name the file of the system, such as"
                " /etc/ssl/certs/ca-certificates.crt"
            )


def _remedy(name: str) -> str:
    if name in _REMEDIES:
        return f"it is not supported; {_REMEDIES[name]}"
    near = get_close_matches(name, sorted(KNOWN), 1, 0.75)
    return f"it is unknown; did you mean {near[0]}?" if near else "it is unknown; remove it"


def _is_plain(name: str) -> bool:
    return name.isascii() and name.replace("_", "").isalnum() and len(name) <= 40
