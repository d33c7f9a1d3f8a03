"""Sessions and tokens, for those who manage a project."""

from typing import Final

from satmint.flows.introspect import Introspection, introspect
from satmint.flows.oversight import list_devices, list_presence, list_sessions, session_of
from satmint.flows.revoke import (
    revoke_key,
    revoke_project,
    revoke_session,
    revoke_subscriber,
    revoke_token,
)
from satmint.http.answers import ListOf
from satmint.http.fields import TokenText
from satmint.http.messages import Call, Response
from satmint.http.operations import NO_CONTENT, Admits, Desk, Operation
from satmint.http.oversight_answers import (
    DevicesAnswer,
    PresenceAnswer,
    RevokedAnswer,
    SessionAnswer,
    show_devices,
    show_presence,
    show_session,
)
from satmint.http.paging import PAGING_QUERY, page_of, read_window
from satmint.http.shapes import Shape
from satmint.model.naming import is_fingerprint
from satmint.model.refusals import Code, Fault, Unprocessable

_OF_SUBSCRIBER: Final = "/api/satmint/subscribers/{id}/sessions"
_DEVICES: Final = "/api/satmint/subscribers/{id}/devices"
_PRESENCE: Final = "/api/satmint/subscribers/{id}/presence"
_SESSION: Final = "/api/satmint/sessions/{session_id}"

TOKEN: Final = Shape(
    "TokenRequest", {"token": TokenText(doc="A SAT or a refresh token.", required=True)}
)


async def _list(desk: Desk, call: Call) -> object:
    query, project, subscriber = call.query(), call.caller.project, call.path_id("id")
    page = await list_sessions(desk.mint, project, subscriber, read_window(query))
    url = desk.public_url + _OF_SUBSCRIBER.format(id=subscriber)
    return page_of(page, query, url, show_session, lambda found: (found.created_at, found.id))


async def _devices(desk: Desk, call: Call) -> DevicesAnswer:
    found = await list_devices(desk.mint, call.caller.project, call.path_id("id"))
    return show_devices(found)


async def _presence(desk: Desk, call: Call) -> PresenceAnswer:
    found = await list_presence(desk.mint, call.caller.project, call.path_id("id"))
    return show_presence(found)


async def _revoke_all(desk: Desk, call: Call) -> RevokedAnswer:
    project, subscriber = call.caller.project, call.path_id("id")
    jkt = call.query().get("fingerprint")
    if jkt is None:
        count = await revoke_subscriber(desk.mint, project, subscriber, call.origin)
    elif is_fingerprint(jkt):
        count = await revoke_key(desk.mint, project, subscriber, jkt, call.origin)
    else:
        message = "Fingerprint must be an RFC 7638 SHA-256 thumbprint"
        raise Unprocessable(Fault(Code.INVALID_PARAMETER, message, "fingerprint"))
    return RevokedAnswer(count)


async def _get(desk: Desk, call: Call) -> SessionAnswer:
    session = call.path_id("session_id")
    return show_session(await session_of(desk.mint, call.caller.project, session))


async def _revoke(desk: Desk, call: Call) -> Response:
    await revoke_session(desk.mint, call.caller.project, call.path_id("session_id"), call.origin)
    return NO_CONTENT


async def _revoke_project(desk: Desk, call: Call) -> Response:
    await revoke_project(desk.mint, call.caller.project, call.origin)
    return NO_CONTENT


async def _introspect(desk: Desk, call: Call) -> Introspection:
    return await introspect(desk.mint, call.caller.project, call.form["token"])


async def _revoke_token(desk: Desk, call: Call) -> RevokedAnswer:
    named = await revoke_token(desk.mint, call.caller.project, call.form["token"], call.origin)
    return RevokedAnswer(int(named))


OPERATIONS: Final = (
    Operation(
        id="list-sessions",
        method="GET",
        path=_OF_SUBSCRIBER,
        tag="Management",
        summary="List a subscriber's sessions",
        admits=Admits.MANAGER,
        handler=_list,
        answer=ListOf[SessionAnswer],
        query=PAGING_QUERY,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="revoke-sessions",
        method="DELETE",
        path=_OF_SUBSCRIBER,
        tag="Management",
        summary="Revoke all of a subscriber's sessions, or those of one key",
        description=(
            "Without `fingerprint`, everything issued to the subscriber so far is dead at once."
        ),
        admits=Admits.MANAGER,
        handler=_revoke_all,
        answer=RevokedAnswer,
        query={
            "fingerprint": {
                "type": "string",
                "pattern": "^[A-Za-z0-9_-]{43}$",
                "description": "Only sessions bound to the key of this RFC 7638 thumbprint.",
            }
        },
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="list-devices",
        method="GET",
        path=_DEVICES,
        tag="Management",
        summary="List the keys that a subscriber's sessions are bound to",
        description="Revoke one of them with `fingerprint` at `DELETE …/sessions`.",
        admits=Admits.MANAGER,
        handler=_devices,
        answer=DevicesAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="get-presence",
        method="GET",
        path=_PRESENCE,
        tag="Management",
        summary="Whether a subscriber is online, and where",
        description=(
            "Online is who has said so (`subscriber.online`) on a live connection of the gateway. A"
            " connection that was lost without a word counts for up to a minute."
        ),
        admits=Admits.MANAGER,
        handler=_presence,
        answer=PresenceAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="get-session",
        method="GET",
        path=_SESSION,
        tag="Management",
        summary="One session",
        admits=Admits.MANAGER,
        handler=_get,
        answer=SessionAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="revoke-session",
        method="DELETE",
        path=_SESSION,
        tag="Management",
        summary="Revoke one session",
        description="Its refresh token and all of its SATs are dead at once.",
        admits=Admits.MANAGER,
        handler=_revoke,
        status=204,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="revoke-project-sessions",
        method="DELETE",
        path="/api/satmint/sessions",
        tag="Management",
        summary="Revoke every session of the project",
        description="Whatever was issued so far is dead at once; API tokens stay.",
        admits=Admits.MANAGER,
        handler=_revoke_project,
        status=204,
    ),
    Operation(
        id="introspect-token",
        method="POST",
        path="/api/satmint/tokens/introspect",
        tag="Management",
        summary="What a token says, and whether it is good (RFC 7662)",
        admits=Admits.MANAGER,
        shape=TOKEN,
        handler=_introspect,
        answer=Introspection,
        secret=True,
    ),
    Operation(
        id="revoke-token",
        method="POST",
        path="/api/satmint/tokens/revoke",
        tag="Management",
        summary="Revoke the session that a token is of (RFC 7009)",
        description="What is no token of this project is passed over.",
        admits=Admits.MANAGER,
        shape=TOKEN,
        handler=_revoke_token,
        answer=RevokedAnswer,
    ),
)
