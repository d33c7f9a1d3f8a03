"""The project as the vendor's compatibility API shows it, by which tools check credentials."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from satmint.flows.credentials import get_project
from satmint.http.call import Call
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.model.ids import as_uuid
from satmint.model.records import Project
from satmint.model.refusals import Code, NotFound

_ACCOUNTS: Final = "/api/laml/2010-04-01/Accounts"
_PATH: Final = f"{_ACCOUNTS}/{{project_id}}"
_SUFFIX: Final = ".json"


class AccountAnswer(msgspec.Struct, frozen=True):
    """A project as an account of the compatibility API."""

    sid: UUID
    """The id of the project."""
    friendly_name: str
    status: Literal["active"]
    type: Literal["Full"]
    auth_token: Literal["redacted"]
    """No API token is ever shown here."""
    date_created: str
    """RFC 2822, in GMT."""
    date_updated: str
    """The same: a project does not change."""
    uri: str
    subresource_uris: dict[str, str]
    """Empty: nothing else of the compatibility API is served."""


async def _get(context: HandlerContext, call: Call) -> AccountAnswer:
    project = as_uuid(call.params["project_id"].removesuffix(_SUFFIX))
    if project is None:
        raise NotFound("not_an_id")
    return _show(await get_project(context.services.store, call.caller.project, project))


def _show(project: Project) -> AccountAnswer:
    created = format_datetime(datetime.fromtimestamp(project.created_at, UTC))
    return AccountAnswer(
        sid=project.id,
        friendly_name=project.name,
        status="active",
        type="Full",
        auth_token="redacted",  # noqa: S106 - none
        date_created=created,
        date_updated=created,
        uri=f"{_ACCOUNTS}/{project.id}",
        subresource_uris={},
    )


def _operation(path: str, operation_id: str, summary: str) -> Operation:
    return Operation(
        id=operation_id,
        method="GET",
        path=path,
        tag="Project tokens",
        summary=summary,
        description=(
            "Any API token of the project is accepted: tools call this to check credentials. The id"
            " may be followed by `.json`. Nothing else of the compatibility API is served."
        ),
        authentication=Authentication.API_TOKEN_ANY,
        handler=_get,
        answer=AccountAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    )


OPERATIONS: Final = (
    _operation(_PATH, "get-account", "Get the project of an API token"),
    # The vendor's command line requests this one.
    _operation(
        f"{_PATH}/", "get-account-alias", "Get the project of an API token (with a final slash)"
    ),
)
