"""Operations for the API tokens of a project."""

from typing import Final, NamedTuple
from uuid import UUID

from satmint.flows.credentials import (
    create_api_token,
    delete_api_token,
    list_api_tokens,
    repeat_api_token,
    update_api_token,
)
from satmint.http.answers import ApiTokenAnswer, ListOf, show_api_token
from satmint.http.body_schema import BodySchema, Members
from satmint.http.call import Call, Response
from satmint.http.fields import Id, SetOf, Text
from satmint.http.operations import (
    NO_CONTENT,
    Authentication,
    BodyHandler,
    HandlerContext,
    Operation,
)
from satmint.http.paging import PAGING_QUERY, by_creation, page_of, read_window
from satmint.model.permissions import Permission
from satmint.model.refusals import Code, FieldError, Unprocessable

_PATH: Final = "/api/project/tokens"

_NAME_DOC: Final = "The name of the token."
_PERMISSIONS_DOC: Final = "The permissions of the token, at least one."
_MANAGEMENT_DOC: Final = (
    "As at the vendor, the caller can give a token, also its own, permissions that the caller does"
    " not have: `management` is equal to every permission."
)


class _NewApiToken(NamedTuple):
    name: str
    permissions: frozenset[Permission]
    subproject: UUID | None


class _ApiTokenChange(NamedTuple):
    name: str | None
    permissions: frozenset[Permission] | None


_NEW_NAME: Final = Text(name="name", doc=_NAME_DOC, required=True, allow_empty=False)
_NEW_PERMISSIONS: Final = SetOf(
    name="permissions",
    doc=_PERMISSIONS_DOC,
    required=True,
    words=Permission,
    code=Code.INVALID_AUTH_TOKEN_PERMISSIONS,
    allow_empty=False,
)
_SUBPROJECT_ID: Final = Id(
    name="subproject_id", doc="The id of this project. Subprojects are not supported."
)
CREATE: Final = BodySchema(
    "ProjectTokenCreateRequest",
    (_NEW_NAME, _NEW_PERMISSIONS, _SUBPROJECT_ID),
    lambda members: _NewApiToken(
        members[_NEW_NAME], members[_NEW_PERMISSIONS], members.get(_SUBPROJECT_ID)
    ),
)

_NAME: Final = Text(name="name", doc=_NAME_DOC, allow_empty=False)
_PERMISSIONS: Final = SetOf(
    name="permissions",
    doc=_PERMISSIONS_DOC,
    words=Permission,
    code=Code.INVALID_AUTH_TOKEN_PERMISSIONS,
    allow_empty=False,
)
UPDATE: Final = BodySchema(
    "ProjectTokenUpdateRequest",
    (_NAME, _PERMISSIONS),
    lambda members: _ApiTokenChange(members.get(_NAME), members.get(_PERMISSIONS)),
)


async def _list(context: HandlerContext, call: Call) -> object:
    query = call.query()
    page = await list_api_tokens(context.services.store, call.caller.project, read_window(query))
    url = f"{context.public_url}{_PATH}"
    return page_of(page, query, url, show_api_token, by_creation)


async def _create(context: HandlerContext, call: Call, request: _NewApiToken) -> ApiTokenAnswer:
    project = call.caller.project
    if field_errors := _check_subproject(project, request.subproject):
        raise Unprocessable(*field_errors)
    token, secret = await create_api_token(
        context.services, project, request.name, request.permissions, call.origin
    )
    return show_api_token(token, secret.reveal())


async def _create_again(
    context: HandlerContext, call: Call, _request: _NewApiToken, _token: UUID
) -> ApiTokenAnswer:
    token, secret = await repeat_api_token(context.services, call.caller.project)
    return show_api_token(token, secret.reveal())


async def _subproject_errors(
    _context: HandlerContext, call: Call, members: Members
) -> list[FieldError]:
    return _check_subproject(call.caller.project, members.get(_SUBPROJECT_ID))


def _check_subproject(project: UUID, subproject: UUID | None) -> list[FieldError]:
    if subproject is None or subproject == project:
        return []
    message = "Subproject Id must be the id of this project: there are no subprojects"
    return [FieldError(Code.INVALID_SUBPROJECT_ID, message, "subproject_id")]


async def _update(context: HandlerContext, call: Call, change: _ApiTokenChange) -> ApiTokenAnswer:
    project, token = call.caller.project, call.path_id("token_id")
    updated = await update_api_token(
        context.services, project, token, change.name, change.permissions, call.origin
    )
    context.callers.evict(project)
    return show_api_token(updated)


async def _delete(context: HandlerContext, call: Call) -> Response:
    project = call.caller.project
    await delete_api_token(context.services, project, call.path_id("token_id"), call.origin)
    context.callers.evict(project)
    return NO_CONTENT


OPERATIONS: Final = (
    Operation(
        id="list-project-tokens",
        method="GET",
        path=_PATH,
        tag="Project tokens",
        summary="List API tokens",
        description="`GET /api/satmint/api-tokens` lists them with their last use.",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_list,
        answer=ListOf[ApiTokenAnswer],
        query=PAGING_QUERY,
    ),
    Operation(
        id="create-project-token",
        method="POST",
        path=_PATH,
        tag="Project tokens",
        summary="Create an API token",
        description=f"Only this response contains the text of the token. {_MANAGEMENT_DOC}",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=BodyHandler(CREATE, _create, _subproject_errors),
        repeat=_create_again,
        answer=ApiTokenAnswer,
        refusals=frozenset(
            {
                Code.NOT_AN_ARRAY_OF_STRINGS,
                Code.INVALID_AUTH_TOKEN_PERMISSIONS,
                Code.INVALID_SUBPROJECT_ID,
            }
        ),
        secret=True,
    ),
    Operation(
        id="update-project-token",
        method="PATCH",
        path=f"{_PATH}/{{token_id}}",
        tag="Project tokens",
        summary="Update an API token",
        description=_MANAGEMENT_DOC,
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=BodyHandler(UPDATE, _update),
        answer=ApiTokenAnswer,
        refusals=frozenset(
            {Code.NOT_FOUND, Code.NOT_AN_ARRAY_OF_STRINGS, Code.INVALID_AUTH_TOKEN_PERMISSIONS}
        ),
    ),
    Operation(
        id="delete-project-token",
        method="DELETE",
        path=f"{_PATH}/{{token_id}}",
        tag="Project tokens",
        summary="Delete an API token",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_delete,
        status=204,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
)
