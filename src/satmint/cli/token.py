"""`satmint token`: create, inspect and revoke tokens of every kind."""

import json
import sys
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from satmint.cli.api_token import write_new_api_token
from satmint.cli.command import CommandContext, ProjectOption, command, parse_id, resolve_project
from satmint.cli.plain import group
from satmint.cli.project import Permissions
from satmint.cli.report import Failure, UsageError
from satmint.flows.callers import ApiTokenCaller
from satmint.flows.credentials import delete_api_token
from satmint.flows.issue import SubscriberTokenRequest, subscriber_tokens
from satmint.flows.lookup import find_api_token, find_c2c_token
from satmint.flows.revoke import revoke_session
from satmint.flows.service_context import ServiceContext
from satmint.flows.token_info import TokenInfo, inspect_token
from satmint.model.base64url import b64url_decode
from satmint.model.claims import encode_claims
from satmint.model.naming import is_fingerprint
from satmint.model.permissions import Permission
from satmint.model.records import ApiToken, C2cToken
from satmint.model.references import reference_error
from satmint.model.secrets import C2C_PREFIX
from satmint.model.times import iso

app = group("token")

TokenArgument = Annotated[
    str, typer.Argument(metavar="TOKEN", help="The token, or - to read it from standard input.")
]

_API_PREFIX: Final = "PT"
_NO_API_TOKEN: Final = UUID(int=0)
"""Placeholder for the API token: the command line does not use one."""


@command(app, "create")
async def create(
    ctx: CommandContext,
    reference: Annotated[
        str | None,
        typer.Argument(
            metavar="REFERENCE",
            help="The reference of the subscriber, who is created if necessary.",
        ),
    ] = None,
    api: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Create an API token instead. New: `satmint api-token create NAME`.",
        ),
    ] = None,
    permission: Permissions = None,
    expire_in: Annotated[
        int | None,
        typer.Option(min=1, metavar="SECONDS", help="Lifetime of the first SAT. Default: 7200."),
    ] = None,
    self_refresh: Annotated[
        bool, typer.Option("--self-refresh", metavar="", help="Add the scope `sat:refresh`.")
    ] = False,
    fingerprint: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Bind the session to this RFC 7638 key thumbprint."),
    ] = None,
    application: Annotated[
        str | None, typer.Option(metavar="ID", help="The id of the application.")
    ] = None,
    region: Annotated[str | None, typer.Option(metavar="NAME", help="A configured region.")] = None,
    project: ProjectOption = None,
) -> None:
    """Sign a subscriber in. The command prints the tokens once.

    As for `satmint serve`, `SATMINT_...` variables and `--config` set the issuer, the cluster host,
    the regions and the maximum lifetime.
    """
    if (reference is None) == (api is None):
        raise UsageError("pass either REFERENCE or --api NAME")
    if api is not None:
        if expire_in or self_refresh or fingerprint or application or region:
            raise UsageError("with --api, only --permission is allowed")
        await write_new_api_token(ctx, api, permission, project)
        return
    if permission:
        raise UsageError("--permission requires --api")
    if fingerprint is not None and not is_fingerprint(fingerprint):
        raise UsageError("--fingerprint must be an RFC 7638 SHA-256 thumbprint")
    request = SubscriberTokenRequest(
        reference=_valid_reference(reference or ""),
        expire_at=None if expire_in is None else ctx.clock.now() + expire_in,
        application_id=None if application is None else parse_id(application, "--application"),
        region=region,
        fingerprint=fingerprint,
        self_refresh=self_refresh,
    )
    async with ctx.services(keyring=True) as services:
        if region is not None and region not in services.policy.regions:
            raise UsageError(
                f"--region must be one of {', '.join(sorted(services.policy.regions))}"
            )
        chosen = await resolve_project(services, project)
        caller = ApiTokenCaller(chosen.id, _NO_API_TOKEN, frozenset(Permission))
        made = await subscriber_tokens(services, caller, request, ctx.origin)

        def write() -> None:
            ctx.report.write_json(made)
            ctx.report.write_properties(
                {
                    "subscriber": made.subscriber_id,
                    "SAT": made.token,
                    "refresh token": made.refresh_token,
                }
            )

        async def undo() -> None:
            found = await inspect_token(services, made.token)
            if found is not None:
                await revoke_session(services, chosen.id, found.claims.sid, ctx.origin)

        await ctx.hand_over(
            write,
            undo,
            made=f"a session of subscriber {made.subscriber_id}",
            undone="the session was revoked again",
        )


def _valid_reference(text: str) -> str:
    error = reference_error(text)
    if error is not None:
        raise UsageError(f"the reference {error}")
    return text


@command(app, "inspect")
async def inspect(ctx: CommandContext, token: TokenArgument) -> None:
    """Show the claims and the state of a token. The command does not change the token.

    Accepts a SAT, a refresh token, an API token or a Click-to-Call token.
    """
    text = _read(token)
    async with ctx.services(keyring=not _is_long_lived(text)) as services:
        found = await _find(services, text)
    shown = _describe(text, found)
    ctx.report.write_json(shown)
    ctx.report.write_properties(_flatten(shown))


@command(app, "revoke", changes=True)
async def revoke(ctx: CommandContext, token: TokenArgument) -> None:
    """Revoke a token immediately.

    For a SAT or a refresh token, revokes the session. Deletes an API token. To disable a
    Click-to-Call token, use `satmint click-to-call disable`.
    """
    text = _read(token)
    if text.startswith(C2C_PREFIX):
        raise UsageError("to disable a Click-to-Call token, use `satmint click-to-call disable`")
    async with ctx.services(keyring=not _is_long_lived(text)) as services:
        found = await _find(services, text)
        if isinstance(found, TokenInfo):
            kind, ended, project = "session", found.claims.sid, found.claims.prj
            await revoke_session(services, project, ended, ctx.origin)
            outcome = f"Revoked session {ended} and all its tokens."
        else:
            kind, ended, project = "api_token", found.id, found.project
            await delete_api_token(services, project, ended, ctx.origin)
            outcome = f"Deleted API token {ended} ({found.name})."
    ctx.report.write_json({"revoked": kind, "id": ended, "project_id": project})
    ctx.report.write_line(outcome)


def _read(token: str) -> str:
    text = sys.stdin.read() if token == "-" else token  # noqa: S105 - means standard input
    if not text.strip():
        raise UsageError("the token is empty: pass a token")
    return text.strip()


def _is_long_lived(text: str) -> bool:
    return text.startswith((_API_PREFIX, C2C_PREFIX)) and "." not in text


async def _find(services: ServiceContext, text: str) -> TokenInfo | ApiToken | C2cToken:
    """Find the token with the text `text`.

    Raises:
        Failure: the token is unknown.
    """
    found: TokenInfo | ApiToken | C2cToken | None
    if not _is_long_lived(text):
        found = await inspect_token(services, text)
    elif text.startswith(C2C_PREFIX):
        found = await find_c2c_token(services.store, text)
    else:
        found = await find_api_token(services.store, text)
    if found is None:
        raise Failure("unknown token")
    return found


def _describe(text: str, found: TokenInfo | ApiToken | C2cToken) -> dict[str, Any]:
    match found:
        case TokenInfo():
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


def _flatten(shown: dict[str, Any]) -> dict[str, object]:
    """Flatten a nested result to one level, with readable times."""
    flat: dict[str, object] = {}
    for name, value in shown.items():
        if isinstance(value, dict):
            flat |= {
                f"{name}.{inner}": _format_value(inner, found) for inner, found in value.items()
            }
        else:
            flat[name] = _format_value(name, value)
    return flat


def _format_value(name: str, value: object) -> object:
    if name in ("iat", "exp") and isinstance(value, int):
        return f"{value}  ({iso(value)})"
    if isinstance(value, dict):
        return json.dumps(value)
    return tuple(value) if isinstance(value, list) else value
