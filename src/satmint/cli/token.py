"""`satmint token`: issue, look into and revoke tokens of every kind."""

import json
import sys
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from satmint.cli.command import ProjectOption, Work, command, id_of, project_named
from satmint.cli.plain import group
from satmint.cli.project import Permissions, checked_name
from satmint.cli.report import Failure, Misuse
from satmint.flows.callers import Caller
from satmint.flows.credentials import create_api_token, delete_api_token
from satmint.flows.examine import Examined, examine
from satmint.flows.finding import api_token_of, c2c_token_of
from satmint.flows.issue import SubscriberTokenRequest, subscriber_tokens
from satmint.flows.mint import Mint
from satmint.flows.revoke import revoke_session
from satmint.model.base64url import b64url_decode
from satmint.model.claims import encode_claims
from satmint.model.naming import is_fingerprint
from satmint.model.permissions import Permission
from satmint.model.records import ApiToken, C2cToken
from satmint.model.secrets import C2C_PREFIX
from satmint.model.times import iso

app = group("token")

TokenArgument = Annotated[
    str, typer.Argument(metavar="TOKEN", help="Its text; - reads it from standard input.")
]

_API_PREFIX: Final = "PT"
_NO_API_TOKEN: Final = UUID(int=0)
"""Stands for the API token of a caller who came by the command line."""


@command(app, "create")
async def create(
    work: Work,
    reference: Annotated[
        str | None,
        typer.Argument(
            metavar="REFERENCE",
            help="Whom to sign in: your own name for a subscriber, made if need be.",
        ),
    ] = None,
    api: Annotated[
        str | None, typer.Option(metavar="NAME", help="Make an API token of this name instead.")
    ] = None,
    permission: Permissions = None,
    expire_in: Annotated[
        int | None,
        typer.Option(min=1, metavar="SECONDS", help="Life of the first SAT. Default: 7200."),
    ] = None,
    self_refresh: Annotated[
        bool, typer.Option("--self-refresh", metavar="", help="Give it the scope `sat:refresh`.")
    ] = False,
    fingerprint: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Bind it to the key of this RFC 7638 thumbprint."),
    ] = None,
    application: Annotated[str | None, typer.Option(metavar="ID", help="Its application.")] = None,
    region: Annotated[
        str | None, typer.Option(metavar="NAME", help="One of the configured regions.")
    ] = None,
    project: ProjectOption = None,
) -> None:
    """Sign a subscriber in, or make an API token. What is made is shown once.

    Settings that shape tokens are taken as by `satmint serve`, from `SATMINT_...` variables and
    `--config`: the issuer, the cluster host, the regions, the longest life.
    """
    if (reference is None) == (api is None):
        raise Misuse("give either a subscriber's REFERENCE or --api NAME")
    if api is not None:
        if expire_in or self_refresh or fingerprint or application or region:
            raise Misuse("an API token has a name and permissions, nothing else")
        await _create_api_token(
            work, checked_name(api), frozenset(permission or Permission), project
        )
        return
    if permission:
        raise Misuse("--permission goes with --api")
    if fingerprint is not None and not is_fingerprint(fingerprint):
        raise Misuse("--fingerprint must be an RFC 7638 SHA-256 thumbprint")
    request = SubscriberTokenRequest(
        reference=checked_name(reference or ""),
        expire_at=None if expire_in is None else work.clock.now() + expire_in,
        application_id=None if application is None else id_of(application, "--application"),
        region=region,
        fingerprint=fingerprint,
        self_refresh=self_refresh,
    )
    async with work.mint(keyring=True) as mint:
        if region is not None and region not in mint.policy.regions:
            raise Misuse(f"--region must be one of {', '.join(sorted(mint.policy.regions))}")
        chosen = await project_named(mint, project)
        caller = Caller(chosen.id, _NO_API_TOKEN, frozenset(Permission))
        made = await subscriber_tokens(mint, caller, request, work.origin)
    work.report.value(made)
    work.report.facts(
        {"subscriber": made.subscriber_id, "SAT": made.token, "refresh token": made.refresh_token}
    )


async def _create_api_token(
    work: Work, name: str, permissions: frozenset[Permission], project: str | None
) -> None:
    async with work.mint() as mint:
        chosen = await project_named(mint, project)
        token, secret = await create_api_token(mint, chosen.id, name, permissions, work.origin)
    work.report.value(
        {
            "id": token.id,
            "name": name,
            "project_id": chosen.id,
            "permissions": sorted(permissions),
            "token": secret.reveal(),
        }
    )
    work.report.facts({"API token": secret.reveal(), "id": token.id, "project": chosen.id})
    work.report.line("The API token is shown here and never again.")


@command(app, "inspect")
async def inspect(work: Work, token: TokenArgument) -> None:
    """Show what a token says, and whether it is good. Looking leaves no trace.

    Takes a SAT, a refresh token, an API token or a Click-to-Call token.
    """
    text = _read(token)
    async with work.mint(keyring=not _is_long_lived(text)) as mint:
        found = await _find(mint, text)
    shown = _describe(text, found)
    work.report.value(shown)
    work.report.facts(_flat(shown))


@command(app, "revoke")
async def revoke(work: Work, token: TokenArgument) -> None:
    """Revoke a token at once.

    Of a SAT or a refresh token, the whole session ends. An API token is deleted. A Click-to-Call
    token is disabled with `satmint click-to-call disable`.
    """
    text = _read(token)
    if text.startswith(C2C_PREFIX):
        raise Misuse("a Click-to-Call token is disabled with `satmint click-to-call disable`")
    async with work.mint(keyring=not _is_long_lived(text)) as mint:
        found = await _find(mint, text)
        if isinstance(found, Examined):
            kind, ended, project = "session", found.claims.sid, found.claims.prj
            await revoke_session(mint, project, ended, work.origin)
            told = f"Session {ended} has ended: all of its tokens are dead."
        else:
            kind, ended, project = "api_token", found.id, found.project
            await delete_api_token(mint, project, ended, work.origin)
            told = f"API token {ended} ({found.name}) is deleted."
    work.report.value({"revoked": kind, "id": ended, "project_id": project})
    work.report.line(told)


def _read(token: str) -> str:
    text = sys.stdin.read() if token == "-" else token  # noqa: S105 - means standard input
    if not text.strip():
        raise Misuse("no token was given")
    return text.strip()


def _is_long_lived(text: str) -> bool:
    return text.startswith((_API_PREFIX, C2C_PREFIX)) and "." not in text


async def _find(mint: Mint, text: str) -> Examined | ApiToken | C2cToken:
    """What `text` is.

    Raises:
        Failure: it is nothing of this deployment.
    """
    found: Examined | ApiToken | C2cToken | None
    if not _is_long_lived(text):
        found = await examine(mint, text)
    elif text.startswith(C2C_PREFIX):
        found = await c2c_token_of(mint, text)
    else:
        found = await api_token_of(mint, text)
    if found is None:
        raise Failure("this is no token of this deployment")
    return found


def _describe(text: str, found: Examined | ApiToken | C2cToken) -> dict[str, Any]:
    match found:
        case Examined():
            session = found.session
            return {
                "kind": found.typ,
                "state": found.state,
                "header": json.loads(b64url_decode(text.partition(".")[0])),
                "claims": json.loads(encode_claims(found.claims)),
                "session_head": None if session is None else session.head.generation,
            }
        case ApiToken():
            return {
                "kind": "api_token",
                "state": "good",
                "id": found.id,
                "project_id": found.project,
                "name": found.name,
                "permissions": sorted(found.permissions),
                "created_at": iso(found.created_at),
            }
        case C2cToken():
            return {
                "kind": "c2c_token",
                "state": "good" if found.disabled_at is None else "disabled",
                "id": found.id,
                "project_id": found.project,
                "address_id": found.address,
                "name": found.name,
                "origins": found.origins,
                "created_at": iso(found.created_at),
            }


def _flat(shown: dict[str, Any]) -> dict[str, object]:
    """For people: one level, and times that can be read."""
    flat: dict[str, object] = {}
    for name, value in shown.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": _readable(inner, found) for inner, found in value.items()}
        else:
            flat[name] = _readable(name, value)
    return flat


def _readable(name: str, value: object) -> object:
    if name in ("iat", "exp") and isinstance(value, int):
        return f"{value}  ({iso(value)})"
    if isinstance(value, dict):
        return json.dumps(value)
    return tuple(value) if isinstance(value, list) else value
