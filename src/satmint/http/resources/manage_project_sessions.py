"""Management operations for the sessions of a whole project."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from satmint.flows.revoke import revoke_matching, revoke_project
from satmint.flows.service_context import ServiceContext
from satmint.flows.session_queries import count_matching, list_project_sessions
from satmint.http.answers import ListOf
from satmint.http.call import Call, Response, json_response
from satmint.http.filters import (
    FINGERPRINT,
    read_boolean,
    read_choice,
    read_fingerprint,
    read_revocation_query,
    read_subscriber,
    read_text,
    read_time_parameter,
    subscriber_parameter,
    time_parameter,
)
from satmint.http.management_answers import CountAnswer, RevokedAnswer, SessionAnswer
from satmint.http.operations import NO_CONTENT, Authentication, HandlerContext, Operation
from satmint.http.paging import PAGING_QUERY, by_creation, page_of, read_window
from satmint.http.resources.manage_sessions import show_sessions
from satmint.model.claims import Kind
from satmint.model.refusals import FieldError, Unprocessable
from satmint.model.session_filter import SessionFilter, SessionStatus

_PATH: Final = "/api/satmint/sessions"
_FILTER_QUERY: Final[dict[str, dict[str, Any]]] = {
    "state": {
        "type": "string",
        "enum": [state.value for state in SessionStatus],
        "description": "Only active, revoked or expired sessions.",
    },
    "kind": {
        "type": "string",
        "enum": [kind.value for kind in Kind],
        "description": "Only sessions of this kind.",
    },
    "subscriber": subscriber_parameter("Only sessions of this subscriber."),
    "since": time_parameter("Only sessions that were opened at this time or later."),
    "bound": {
        "type": "boolean",
        "description": "Only sessions that are, or are not, bound to a key.",
    },
    "fingerprint": FINGERPRINT,
    "caller_address": {
        "type": "string",
        "minLength": 1,
        "description": "Only sessions that were issued to this IP address.",
    },
}


async def _list(context: HandlerContext, call: Call) -> object:
    query, project = call.query(), call.caller.project
    wanted, errors = await read_session_filter(context.services, project, query)
    window = read_window({**query, "sort_order": "desc"}, other_errors=errors)
    page = await list_project_sessions(context.services, project, wanted, window)
    show = await show_sessions(context.services, project, page.items)
    return page_of(page, query, f"{context.public_url}{_PATH}", show, by_creation)


async def _count(context: HandlerContext, call: Call) -> CountAnswer:
    project = call.caller.project
    wanted, errors = await read_session_filter(context.services, project, call.query())
    if errors:
        raise Unprocessable(*errors)
    count = await count_matching(context.services, project, wanted)
    return CountAnswer(count.value, count.is_exact)


async def _revoke(context: HandlerContext, call: Call) -> Response:
    services, project = context.services, call.caller.project
    query = read_revocation_query(call, _FILTER_QUERY)
    wanted, errors = await read_session_filter(services, project, query)
    if errors:
        raise Unprocessable(*errors)
    if not query:
        await revoke_project(services, project, call.origin)
        return NO_CONTENT
    count = await revoke_matching(services, project, wanted, call.origin)
    return json_response(200, RevokedAnswer(count))


async def read_session_filter(
    services: ServiceContext, project: UUID, query: Mapping[str, str]
) -> tuple[SessionFilter, list[FieldError]]:
    """Read the filter of a query, and the errors in it."""
    errors: list[FieldError] = []
    wanted = SessionFilter(
        state=read_choice(query, "state", SessionStatus, errors),
        kind=read_choice(query, "kind", Kind, errors),
        subscriber=await read_subscriber(services, project, query, "subscriber", errors),
        since=read_time_parameter(query, "since", errors),
        bound=read_boolean(query, "bound", errors),
        jkt=read_fingerprint(query, "fingerprint", errors),
        caller_address=read_text(query, "caller_address", errors),
    )
    return wanted, errors


OPERATIONS: Final = (
    Operation(
        id="list-project-sessions",
        method="GET",
        path=_PATH,
        tag="Management",
        summary="List the sessions of the project, newest first",
        description=(
            "Revoked and expired sessions are listed for a day after their last token has expired."
            " A page examines at most 5,000 sessions: if few match, it has fewer items than"
            " `page_size`, or none. The list ends with the page that has no `next` link."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_list,
        answer=ListOf[SessionAnswer],
        query={**_FILTER_QUERY, **PAGING_QUERY},
    ),
    Operation(
        id="count-project-sessions",
        method="GET",
        path=f"{_PATH}/count",
        tag="Management",
        summary="Count the sessions of the project",
        description=(
            "Counts up to 10,000 sessions, and examines at most 20,000 for that: beyond, `value` is"
            " a lower bound. Use it before a revocation with the same filters and `state=active`."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_count,
        answer=CountAnswer,
        query=_FILTER_QUERY,
    ),
    Operation(
        id="revoke-project-sessions",
        method="DELETE",
        path=_PATH,
        tag="Management",
        summary="Revoke every session of the project, or those that match a filter",
        description=(
            "Tokens of these sessions stop working immediately. API tokens remain valid. Without"
            " filters, it is one step and one event, and the response is 204. With filters, active"
            " sessions are revoked in batches from the newest to the oldest, each with its event,"
            " and the response is their number; sessions that are opened meanwhile are not revoked."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_revoke,
        status=204,
        other_answers={200: RevokedAnswer},
        query=_FILTER_QUERY,
    ),
)
