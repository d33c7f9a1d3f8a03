"""The settings of a server, with their defaults. `satmint.settings_sources` reads them.

The command line's options, the variables' names and the reference page are derived from the fields
below.
"""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from satmint.model.database_url import without_password

ENV_PREFIX: Final = "SATMINT_"

_POSITIVE = Meta(ge=1)
_HOST: Final = r"[A-Za-z0-9:-]+(\.[A-Za-z0-9:-]+)+"
"""Valid values of `ch`; a token with any other value would be rejected everywhere."""

_PROJECT_ID: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class SettingsError(ValueError):
    """A setting is unknown or invalid. The message names it and shows no secret."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a server."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="Port to listen on; 0 selects a free port.")
    ] = 8080
    workers: Annotated[
        int, Meta(ge=1, le=256, description="Number of worker processes; at most one per core.")
    ] = 1
    worker_timeout_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=3600,
            description=(
                "Replace a worker process whose event loop does not respond for this long. Used"
                " with two or more `workers`; 0 turns it off."
            ),
        ),
    ] = 30
    database: Annotated[
        str,
        Meta(
            description=(
                "URL of the database: `sqlite:///path/to/file`, or"
                " `postgresql://user:password@host/name` for several servers."
            )
        ),
    ] = "sqlite:///satmint.db"
    database_connections: Annotated[
        int,
        Meta(
            ge=2,
            le=1000,
            description=(
                "Maximum number of PostgreSQL connections that the requests of a process share. It"
                " opens three more."
            ),
        ),
    ] = 8
    database_pooler: Annotated[
        bool,
        Meta(
            description=(
                "Whether PostgreSQL is behind a pooler in transaction mode, such as PgBouncer."
            )
        ),
    ] = False
    database_without_fsync: Annotated[
        bool,
        Meta(
            description=(
                "Whether a PostgreSQL server with `fsync = off` is accepted, which loses data when"
                " its machine crashes. For tests only."
            )
        ),
    ] = False
    keyring: Annotated[
        str,
        Meta(
            description=(
                "The keyring, a JWK Set of 256-bit `oct` keys: the path of a file with mode 0600,"
                " or `env:NAME` for an environment variable."
            )
        ),
    ] = "keyring.json"
    keyring_kek: Annotated[
        Annotated[str, Meta(pattern=r"^(env|file|command):.")] | None,
        Meta(
            description=(
                "The key that encrypts the keyring at rest, 32 bytes in base64url: `env:NAME` for"
                " an environment variable, `file:PATH` for a file, or `command:PROGRAM ARGUMENTS`"
                " for the output of a program, run without a shell. Without it, the keyring is not"
                " encrypted."
            )
        ),
    ] = None
    tls_cert: Annotated[
        str | None, Meta(description="Certificate chain (PEM). Enables https; needs `tls_key`.")
    ] = None
    tls_key: Annotated[str | None, Meta(description="Private key of the certificate (PEM).")] = None
    hsts_seconds: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "`max-age` of HSTS (RFC 6797) in seconds, sent if the server terminates TLS; 0"
                " disables HSTS."
            ),
        ),
    ] = 31_536_000
    admin_host: Annotated[
        str,
        Meta(description="Address of the admin listener. Do not expose it publicly."),
    ] = "127.0.0.1"
    admin_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description=(
                "Port of the admin listener, which serves `/metrics` and `/console`; 0 disables it."
            ),
        ),
    ] = 9464
    admin_url: Annotated[
        str | None,
        Meta(
            description=(
                "URL of the admin listener from outside, if a proxy with a sign-in of its own"
                " forwards to it. Browsers may use no other name."
            )
        ),
    ] = None
    issuer: Annotated[str, Meta(min_length=1, description="The `iss` claim of every token.")] = (
        "satmint"
    )
    public_url: Annotated[
        str | None,
        Meta(description="Public base URL of this server, used in absolute links and proofs."),
    ] = None
    cluster_host: Annotated[
        Annotated[str, Meta(pattern=rf"^{_HOST}\Z", max_length=255)] | None,
        Meta(
            description=(
                "The `ch` header of every token, such as `puc.example.com`: browser SDKs call"
                " `fabric.example.com` and `puc.example.com`. Without it, they call the vendor's"
                " hosts."
            ),
        ),
    ] = None
    regions: Annotated[
        dict[str, Annotated[str, Meta(pattern=rf"^({_HOST})?\Z", max_length=255)] | None],
        Meta(
            description=(
                "Cluster hosts by region, `name=host,name=host`; an empty host means"
                " `cluster_host`."
            )
        ),
    ] = msgspec.field(default_factory=lambda: {"us-central": None})
    cors_origins: Annotated[
        tuple[str, ...], Meta(description="Web origins that may call (CORS); `*` allows all.")
    ] = ("*",)
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "IP addresses and networks of trusted proxies. The client address is the last entry"
                " of `X-Forwarded-For` that is not a trusted proxy."
            )
        ),
    ] = ()
    keep_alive_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=3600,
            description=(
                "Seconds until an idle connection is closed. Set a shorter time in proxies, so that"
                " they do not send a request on a connection that the server closes."
            ),
        ),
    ] = 75
    connections_per_address: Annotated[
        int,
        _POSITIVE,
        Meta(
            description=(
                "Maximum number of HTTP connections from one IPv4 address or IPv6 network (/64),"
                " per process. Connections from trusted proxies are not counted."
            )
        ),
    ] = 500
    replay_seconds: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "Seconds after a rotation during which the used refresh token returns the same pair"
                " again, if the new pair is not in use. Later, it revokes the session. 0 means"
                " strict one-time use."
            ),
        ),
    ] = 600
    max_token_seconds: Annotated[
        Annotated[int, Meta(ge=60)] | None,
        Meta(
            description=(
                "Maximum lifetime of a SAT in seconds: as requested, by default, and after a"
                " refresh. The refresh token expires five minutes later."
            )
        ),
    ] = None
    max_session_seconds: Annotated[
        Annotated[int, Meta(ge=600)] | None,
        Meta(description="Maximum lifetime of a session in seconds, including refreshes."),
    ] = None
    max_invite_seconds: Annotated[
        int,
        Meta(ge=60, description="Maximum lifetime of an invite in seconds; by default 7 days."),
    ] = 604_800
    invites_per_session: Annotated[
        int,
        _POSITIVE,
        Meta(
            description=(
                "Maximum number of invites that the SATs of one session have made and that have not"
                " expired."
            )
        ),
    ] = 100
    invites_per_minute: Annotated[
        int,
        _POSITIVE,
        Meta(description="Maximum number of invites per minute that SATs of one session make."),
    ] = 30
    proof_age_seconds: Annotated[
        int,
        Meta(
            ge=120,
            le=86_400,
            description=(
                "Maximum age of a proof of possession in seconds. After failures, browsers resend"
                " the same proof for more than a minute."
            ),
        ),
    ] = 300
    proof_ahead_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=86_400,
            description="Maximum number of seconds that a proof's `iat` may be in the future.",
        ),
    ] = 60
    device_slack_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=86_400,
            description=(
                "Seconds after its expiry during which a bound SAT can still be refreshed with a"
                " proof of its key; 0 disables the grace period."
            ),
        ),
    ] = 300
    strict_proofs: Annotated[
        tuple[Annotated[str, Meta(pattern=rf"^({_PROJECT_ID}|\*)\Z")], ...],
        Meta(
            description=(
                "Ids of the projects that require strict RFC 9449 proofs with a server nonce over"
                " HTTP; `*` for all projects. The vendor's browser SDK does not support this."
                " Proofs on the gateway need no nonce: each is valid for one connection."
            )
        ),
    ] = ()
    event_retention_days: Annotated[int, Meta(ge=1, description="Days to keep audit events.")] = 30
    calls_per_minute: Annotated[
        Annotated[int, _POSITIVE] | None,
        Meta(
            description=(
                "Maximum number of calls per minute with API tokens, per project, and with SATs,"
                " per session; unlimited by default."
            )
        ),
    ] = None
    embeds_per_minute: Annotated[
        int,
        _POSITIVE,
        Meta(
            description="Maximum embed exchanges per minute, per Click-to-Call token and address."
        ),
    ] = 30
    failures_per_minute: Annotated[
        int, _POSITIVE, Meta(description="Maximum failed authentications per minute and address.")
    ] = 60
    gateway_connections: Annotated[
        int, _POSITIVE, Meta(description="Maximum gateway connections per process.")
    ] = 20_000
    gateway_connections_per_address: Annotated[
        int,
        _POSITIVE,
        Meta(
            description=(
                "Maximum gateway connections from one IPv4 address or IPv6 network (/64), per"
                " process."
            )
        ),
    ] = 1000
    gateway_connections_per_project: Annotated[
        int,
        _POSITIVE,
        Meta(description="Maximum authenticated gateway connections of a project, per process."),
    ] = 10_000
    gateway_temporary_percent: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description=(
                "Percentage of `gateway_connections_per_project` that guests, invitees and embed"
                " visitors together may take, so that a public page cannot keep subscribers out."
            ),
        ),
    ] = 50
    gateway_connections_per_session: Annotated[
        int,
        _POSITIVE,
        Meta(description="Maximum authenticated gateway connections of a session, per process."),
    ] = 20
    gateway_connections_per_click_to_call: Annotated[
        int,
        _POSITIVE,
        Meta(
            description=(
                "Maximum gateway connections of the visitors of one Click-to-Call token, per"
                " process."
            )
        ),
    ] = 1000
    gateway_requests_per_second: Annotated[
        int,
        _POSITIVE,
        Meta(description="Maximum requests per second on a gateway connection; others wait."),
    ] = 50
    private_webhooks: Annotated[
        bool,
        Meta(
            description=(
                "Whether webhooks may use http and private networks. Keep it off if untrusted users"
                " can create webhooks."
            )
        ),
    ] = False
    log_format: Annotated[
        str,
        Meta(pattern=r"^(console|json)$", description="Format of the log: `console` or `json`."),
    ] = "console"
    log_level: Annotated[
        str,
        Meta(
            pattern=r"^(debug|info|warning|error)$",
            description="Minimum level of log events: `debug`, `info`, `warning` or `error`.",
        ),
    ] = "info"

    def __repr__(self) -> str:
        # The database's URL may contain a password.
        return f"Settings(database={without_password(self.database)!r}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("database", without_password(self.database))]


FIELDS: Final = msgspec.structs.fields(Settings)


def describe(name: str) -> str:
    """A setting's description."""
    field = next(field for field in FIELDS if field.name == name)
    info: Any = msgspec.inspect.type_info(field.type)
    while isinstance(info, msgspec.inspect.Metadata):
        if info.extra_json_schema and "description" in info.extra_json_schema:
            return str(info.extra_json_schema["description"])
        info = info.type
    raise LookupError(name)
