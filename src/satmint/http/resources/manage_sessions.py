"""Management operations for sessions, devices, presence and tokens."""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from satmint.flows.registered_devices import registered_devices
from satmint.flows.revoke import (
    revoke_key,
    revoke_session,
    revoke_subscriber,
    revoke_token,
)
from satmint.flows.service_context import ServiceContext
from satmint.flows.session_ends import ended_by
from satmint.flows.session_queries import get_session, list_devices, list_presence, list_sessions
from satmint.http.answers import ListOf
from satmint.http.body_schema import BodySchema
from satmint.http.call import Call, Response
from satmint.http.fields import TokenText
from satmint.http.filters import FINGERPRINT, read_revocation_query
from satmint.http.management_answers import (
    DevicesAnswer,
    PresenceAnswer,
    RevokedAnswer,
    SessionAnswer,
    show_devices,
    show_presence,
    show_session,
)
from satmint.http.operations import (
    NO_CONTENT,
    Authentication,
    BodyHandler,
    HandlerContext,
    Operation,
)
from satmint.http.paging import PAGING_QUERY, by_creation, page_of, read_window
from satmint.model.naming import is_fingerprint
from satmint.model.records import Session
from satmint.model.refusals import Code, FieldError, Unprocessable

_SUBSCRIBER_SESSIONS: Final = "/api/satmint/subscribers/{id}/sessions"
_DEVICES: Final = "/api/satmint/subscribers/{id}/devices"
_PRESENCE: Final = "/api/satmint/subscribers/{id}/presence"
_SESSION: Final = "/api/satmint/sessions/{session_id}"

_TOKEN: Final = TokenText(name="token", doc="A SAT or a refresh token.", required=True)
TOKEN: Final = BodySchema("TokenRequest", (_TOKEN,), lambda members: members[_TOKEN])


async def _list(context: HandlerContext, call: Call) -> object:
    query, project, subscriber = call.query(), call.caller.project, call.path_id("id")
    page = await list_sessions(context.services.store, project, subscriber, read_window(query))
    url = context.public_url + _SUBSCRIBER_SESSIONS.format(id=subscriber)
    show = await show_sessions(context.services, project, page.items)
    return page_of(page, query, url, show, by_creation)


async def show_sessions(
    services: ServiceContext, project: UUID, sessions: Sequence[Session]
) -> Callable[[Session], SessionAnswer]:
    """Return a function that returns the answer for each of some sessions."""
    devices = await registered_devices(services, project, sessions)
    ends = await ended_by(services, project, sessions)
    return lambda one: show_session(one, devices.get(one.id, ()), ends.get(one.id))


async def _devices(context: HandlerContext, call: Call) -> DevicesAnswer:
    found = await list_devices(context.services, call.caller.project, call.path_id("id"))
    return show_devices(found)


async def _presence(context: HandlerContext, call: Call) -> PresenceAnswer:
    found = await list_presence(context.services, call.caller.project, call.path_id("id"))
    return show_presence(found)


async def _revoke_all(context: HandlerContext, call: Call) -> RevokedAnswer:
    project, subscriber = call.caller.project, call.path_id("id")
    jkt = read_revocation_query(call, ["fingerprint"]).get("fingerprint")
    if jkt is None:
        count = await revoke_subscriber(context.services, project, subscriber, call.origin)
    elif is_fingerprint(jkt):
        count = await revoke_key(context.services, project, subscriber, jkt, call.origin)
    else:
        message = "Fingerprint must be an RFC 7638 SHA-256 thumbprint"
        raise Unprocessable(FieldError(Code.INVALID_PARAMETER, message, "fingerprint"))
    return RevokedAnswer(count)


async def _get(context: HandlerContext, call: Call) -> SessionAnswer:
    services, project = context.services, call.caller.project
    session = await get_session(services.store, project, call.path_id("session_id"))
    return (await show_sessions(services, project, [session]))(session)


async def _revoke(context: HandlerContext, call: Call) -> Response:
    await revoke_session(
        context.services, call.caller.project, call.path_id("session_id"), call.origin
    )
    return NO_CONTENT


async def _revoke_token(context: HandlerContext, call: Call, token: str) -> RevokedAnswer:
    revoked = await revoke_token(context.services, call.caller.project, token, call.origin)
    return RevokedAnswer(int(revoked))


OPERATIONS: Final = (
    Operation(
        id="list-sessions",
        method="GET",
        path=_SUBSCRIBER_SESSIONS,
        tag="Management",
        summary="List a subscriber's sessions",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_list,
        answer=ListOf[SessionAnswer],
        query=PAGING_QUERY,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="revoke-sessions",
        method="DELETE",
        path=_SUBSCRIBER_SESSIONS,
        tag="Management",
        summary="Revoke all of a subscriber's sessions, or those of one key",
        description=(
            "Without `fingerprint`, every token issued to the subscriber stops working immediately."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_revoke_all,
        answer=RevokedAnswer,
        query={
            "fingerprint": FINGERPRINT,
        },
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="list-devices",
        method="GET",
        path=_DEVICES,
        tag="Management",
        summary="List the keys that a subscriber's sessions are bound to",
        description="To revoke a key, call `DELETE …/sessions` with `fingerprint`.",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_devices,
        answer=DevicesAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="get-presence",
        method="GET",
        path=_PRESENCE,
        tag="Management",
        summary="Get the presence of a subscriber",
        description=(
            "A subscriber is online if a client called `subscriber.online` on an open gateway"
            " connection. A connection that breaks without a close counts for up to a minute."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_presence,
        answer=PresenceAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="get-session",
        method="GET",
        path=_SESSION,
        tag="Management",
        summary="Get a session",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_get,
        answer=SessionAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="revoke-session",
        method="DELETE",
        path=_SESSION,
        tag="Management",
        summary="Revoke a session",
        description="The session's refresh token and all its SATs stop working immediately.",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_revoke,
        status=204,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="revoke-token",
        method="POST",
        path="/api/satmint/tokens/revoke",
        tag="Management",
        summary="Revoke the session of a token (RFC 7009)",
        description="An unknown token, or a token of another project, is not an error.",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=BodyHandler(TOKEN, _revoke_token),
        answer=RevokedAnswer,
    ),
)
