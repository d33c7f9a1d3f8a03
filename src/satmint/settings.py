"""Settings: defaults, then a TOML file, then `SATMINT_…` variables, then the command line.

One table. The command line's options, the variables' names and the reference page all come from
the fields below.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from satmint.model.database_url import without_password

ENV_PREFIX: Final = "SATMINT_"

_POSITIVE = Meta(ge=1)
_HOST: Final = r"[A-Za-z0-9:-]+(\.[A-Za-z0-9:-]+)+"
"""What `ch` can be: any token whose header held something else would open nowhere."""

_PROJECT_ID: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class SettingsError(ValueError):
    """A setting is unknown or has no sense. The message names it and shows no secret."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an operator can decide."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port; 0 picks a free one.")] = 8080
    workers: Annotated[
        int, Meta(ge=1, le=256, description="Processes that serve, one for each core at the most.")
    ] = 1
    database: Annotated[
        str,
        Meta(
            description=(
                "Where the data is: `sqlite:///path/to/file`, or"
                " `postgresql://user:password@host/name` for several servers."
            )
        ),
    ] = "sqlite:///satmint.db"
    database_connections: Annotated[
        int,
        Meta(ge=2, le=1000, description="Connections to PostgreSQL of each process, at the most."),
    ] = 8
    database_pooler: Annotated[
        bool,
        Meta(
            description=(
                "Whether a pooler in transaction mode, such as PgBouncer, stands before PostgreSQL."
            )
        ),
    ] = False
    keyring: Annotated[
        str,
        Meta(
            description=(
                "The keyring: a JWK Set of 256-bit `oct` keys, in a file of mode 0600, or in the"
                " environment variable that `env:NAME` names."
            )
        ),
    ] = "keyring.json"
    keyring_kek: Annotated[
        Annotated[str, Meta(pattern=r"^(env|file|command):.")] | None,
        Meta(
            description=(
                "What wraps the keyring at rest: 32 bytes in base64url, in the variable that"
                " `env:NAME` names, the file that `file:PATH` names, or said by the program of"
                " `command:PROGRAM ARGUMENTS`, run without a shell. Without it the keyring rests in"
                " the clear."
            )
        ),
    ] = None
    tls_cert: Annotated[
        str | None, Meta(description="Certificate chain (PEM); with it, https is served.")
    ] = None
    tls_key: Annotated[str | None, Meta(description="Private key of the certificate (PEM).")] = None
    issuer: Annotated[str, Meta(min_length=1, description="The `iss` claim of every token.")] = (
        "satmint"
    )
    public_url: Annotated[
        str | None,
        Meta(description="Where this server is reached from outside; absolute links begin so."),
    ] = None
    cluster_host: Annotated[
        Annotated[str, Meta(pattern=rf"^{_HOST}\Z", max_length=255)] | None,
        Meta(
            description=(
                "The `ch` of every token, such as `puc.example.com`: browser SDKs call"
                " `fabric.example.com` and `puc.example.com`. Without it they call the vendor."
            ),
        ),
    ] = None
    regions: Annotated[
        dict[str, Annotated[str, Meta(pattern=rf"^({_HOST})?\Z", max_length=255)] | None],
        Meta(description="Cluster hosts by region, `name=host,name=host`; empty: the usual one."),
    ] = msgspec.field(default_factory=lambda: {"us-central": None})
    cors_origins: Annotated[
        tuple[str, ...], Meta(description="Web origins that may call; `*` is all of them.")
    ] = ("*",)
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Addresses whose X-Forwarded-For and -Proto are believed."),
    ] = ()
    replay_seconds: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description=(
                "How long after a rotation its answer can be had again. 0 is strict one-time use;"
                " by default as long as the presented token lives, unless its successor was used."
            ),
        ),
    ] = None
    max_token_seconds: Annotated[
        Annotated[int, Meta(ge=60)] | None,
        Meta(description="The longest life that may be asked for a token."),
    ] = None
    max_session_seconds: Annotated[
        Annotated[int, Meta(ge=600)] | None,
        Meta(description="The longest life of a session, however often it refreshes."),
    ] = None
    proof_age_seconds: Annotated[
        int,
        Meta(
            ge=120,
            le=86_400,
            description=(
                "How old a proof of possession may be. Browsers send one and the same proof again"
                " for over a minute after failures."
            ),
        ),
    ] = 300
    proof_ahead_seconds: Annotated[
        int,
        Meta(ge=0, le=86_400, description="How far the clock of who made a proof may be ahead."),
    ] = 60
    device_slack_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=86_400,
            description=(
                "How long after its end a bound SAT can still be exchanged for the next, with a"
                " proof of its key. 0 turns it off."
            ),
        ),
    ] = 300
    strict_proofs: Annotated[
        tuple[Annotated[str, Meta(pattern=rf"^({_PROJECT_ID}|\*)\Z")], ...],
        Meta(
            description=(
                "Ids of the projects whose proofs over HTTP must follow RFC 9449 to the letter and"
                " carry a nonce of the server's; `*` is all of them. The vendor's browser SDK"
                " cannot. Proofs on the gateway carry none: each is good for one connection."
            )
        ),
    ] = ()
    event_retention_days: Annotated[
        int, Meta(ge=1, description="How long audit events are kept.")
    ] = 30
    calls_per_minute: Annotated[
        Annotated[int, _POSITIVE] | None,
        Meta(
            description=(
                "Calls of a project's backend, and of each holder's session; no limit by default."
            )
        ),
    ] = None
    embeds_per_minute: Annotated[
        int, _POSITIVE, Meta(description="Embed exchanges per Click-to-Call token and address.")
    ] = 30
    failures_per_minute: Annotated[
        int, _POSITIVE, Meta(description="Failed credentials per address.")
    ] = 60
    gateway_connections: Annotated[
        int, _POSITIVE, Meta(description="Open connections of the gateway, in each process.")
    ] = 20_000
    gateway_connections_per_address: Annotated[
        int,
        _POSITIVE,
        Meta(
            description="Those of them that come from one IPv4 address, or one IPv6 network (/64)."
        ),
    ] = 1000
    gateway_connections_per_project: Annotated[
        int, _POSITIVE, Meta(description="Those of them that were let in for one project.")
    ] = 10_000
    gateway_requests_per_second: Annotated[
        int, _POSITIVE, Meta(description="Requests of one connection; the rest of them waits.")
    ] = 50
    private_webhooks: Annotated[
        bool,
        Meta(
            description=(
                "Whether webhooks may lead into private networks, and be http. Leave it off where"
                " others than you can make webhooks."
            )
        ),
    ] = False
    log_format: Annotated[
        str, Meta(pattern=r"^(console|json)$", description="`console` or `json`.")
    ] = "console"
    log_level: Annotated[
        str,
        Meta(
            pattern=r"^(debug|info|warning|error)$",
            description="`debug`, `info`, `warning` or `error`.",
        ),
    ] = "info"

    def __repr__(self) -> str:
        # The database's URL may hold a password.
        return f"Settings(database={without_password(self.database)!r}, …)"


FIELDS: Final = msgspec.structs.fields(Settings)


def load_settings(
    given: Mapping[str, object], environment: Mapping[str, str], file: Path | None = None
) -> Settings:
    """The settings of this run.

    Args:
        given: From the command line; None counts as not given.
        environment: Variables; those that begin with `SATMINT_` are read.
        file: A TOML file with the settings as keys.

    Raises:
        SettingsError: a setting is unknown, or its value has no sense.
    """
    values: dict[str, object] = {}
    if file is not None:
        values |= _from_toml(file)
    values |= _from_environment(environment)
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from error
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise SettingsError("tls_cert and tls_key come together")
    return settings


def describe(name: str) -> str:
    """A setting's description."""
    field = next(field for field in FIELDS if field.name == name)
    info: Any = msgspec.inspect.type_info(field.type)
    while isinstance(info, msgspec.inspect.Metadata):
        if info.extra_json_schema and "description" in info.extra_json_schema:
            return str(info.extra_json_schema["description"])
        info = info.type
    raise LookupError(name)


def split_words(text: str) -> tuple[str, ...]:
    """The items of a comma-separated list."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def split_regions(text: str) -> dict[str, str | None]:
    """The regions of `name=host,name=host`."""
    pairs = (word.partition("=") for word in split_words(text))
    return {name.strip(): host.strip() or None for name, _, host in pairs}


_LISTS: Final = {
    "cors_origins": split_words,
    "trusted_proxies": split_words,
    "strict_proofs": split_words,
}


def _from_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # no TOML, or no UTF-8
        message = f"cannot read {file}: {error}"
        raise SettingsError(message) from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    names = {field.name for field in FIELDS}
    values: dict[str, object] = {}
    for variable, text in environment.items():
        name = variable.removeprefix(ENV_PREFIX).lower()
        if variable.startswith(ENV_PREFIX) and name in names:
            values[name] = parse_text(name, text)
    return values


def parse_text(name: str, text: str) -> object:
    """A setting's value as a variable or an option spells it."""
    if name == "regions":
        return split_regions(text)
    return _LISTS[name](text) if name in _LISTS else text
