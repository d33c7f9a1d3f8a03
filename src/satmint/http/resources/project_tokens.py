"""API tokens of a project."""

from typing import Final

from satmint.flows.credentials import create_api_token, delete_api_token, update_api_token
from satmint.http.answers import ApiTokenAnswer, show_api_token
from satmint.http.fields import Id, SomeOf, Text
from satmint.http.messages import Call, Response
from satmint.http.operations import NO_CONTENT, Admits, Desk, Operation
from satmint.http.shapes import Shape
from satmint.model.permissions import Permission
from satmint.model.refusals import Code, Fault, Unprocessable

_PATH: Final = "/api/project/tokens"

_NAME: Final = "What the token is called."
_PERMISSIONS: Final = "What it may do."

CREATE: Final = Shape(
    "ProjectTokenCreateRequest",
    {
        "name": Text(doc=_NAME, required=True, may_be_empty=False),
        "permissions": SomeOf(
            doc=_PERMISSIONS,
            required=True,
            words=Permission,
            code=Code.INVALID_AUTH_TOKEN_PERMISSIONS,
        ),
        "subproject_id": Id(doc="Only this project itself: it has no other inside."),
    },
)
UPDATE: Final = Shape(
    "ProjectTokenUpdateRequest",
    {
        "name": Text(doc=_NAME, may_be_empty=False),
        "permissions": SomeOf(
            doc=_PERMISSIONS, words=Permission, code=Code.INVALID_AUTH_TOKEN_PERMISSIONS
        ),
    },
)


async def _create(desk: Desk, call: Call) -> ApiTokenAnswer:
    project = call.caller.project
    if faults := await _subproject_faults(desk, call):
        raise Unprocessable(*faults)
    token, secret = await create_api_token(
        desk.mint, project, call.form["name"], call.form["permissions"], call.origin
    )
    return show_api_token(token, secret.reveal())


async def _subproject_faults(desk: Desk, call: Call) -> list[Fault]:  # noqa: ARG001 - see MoreFaults
    project = call.caller.project
    if call.form.get("subproject_id", project) == project:
        return []
    message = "Subproject Id must belong to the project"
    return [Fault(Code.MUST_BELONG_TO_PROJECT, message, "subproject_id")]


async def _update(desk: Desk, call: Call) -> ApiTokenAnswer:
    project, form = call.caller.project, call.form
    updated = await update_api_token(
        desk.mint,
        project,
        call.path_id("token_id"),
        form.get("name"),
        form.get("permissions"),
        call.origin,
    )
    desk.callers.forget(project)
    return show_api_token(updated)


async def _delete(desk: Desk, call: Call) -> Response:
    project = call.caller.project
    await delete_api_token(desk.mint, project, call.path_id("token_id"), call.origin)
    desk.callers.forget(project)
    return NO_CONTENT


OPERATIONS: Final = (
    Operation(
        id="create-project-token",
        method="POST",
        path=_PATH,
        tag="Project tokens",
        summary="Create an API token",
        description="Its text is shown in this answer and never again.",
        admits=Admits.MANAGER,
        shape=CREATE,
        more_faults=_subproject_faults,
        handler=_create,
        answer=ApiTokenAnswer,
        refusals=frozenset(
            {
                Code.NOT_AN_ARRAY_OF_STRINGS,
                Code.INVALID_AUTH_TOKEN_PERMISSIONS,
                Code.MUST_BELONG_TO_PROJECT,
            }
        ),
        secret=True,
    ),
    Operation(
        id="update-project-token",
        method="PATCH",
        path=f"{_PATH}/{{token_id}}",
        tag="Project tokens",
        summary="Change an API token",
        admits=Admits.MANAGER,
        shape=UPDATE,
        handler=_update,
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
        admits=Admits.MANAGER,
        handler=_delete,
        status=204,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
)
