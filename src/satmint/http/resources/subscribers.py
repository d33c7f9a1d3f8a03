"""Operations for subscribers."""

from typing import Final
from uuid import UUID

from satmint.flows.subscribers import (
    NewSubscriberRequest,
    SubscriberFields,
    create_subscriber,
    delete_subscriber,
    get_subscriber,
    list_subscribers,
    update_subscriber,
)
from satmint.http.answers import (
    AddressAnswer,
    ListOf,
    SubscriberAnswer,
    show_subscriber,
)
from satmint.http.body_schema import BodySchema, Members
from satmint.http.call import Call, Response
from satmint.http.fields import Password, Text, email
from satmint.http.operations import (
    NO_CONTENT,
    Authentication,
    BodyHandler,
    HandlerContext,
    Operation,
)
from satmint.http.paging import PAGING_QUERY, by_creation, page_of, read_window
from satmint.http.resources.owned_addresses import addresses_handler
from satmint.model.records import Subscriber
from satmint.model.refusals import Code

_PATH: Final = "/api/fabric/resources/subscribers"

_NEW_EMAIL: Final = email(
    "email",
    "E-mail address; also the `reference`. Unique within the project without regard to case.",
    required=True,
)
_NEW_PASSWORD: Final = Password(
    name="password", doc="The password, 8 to 72 bytes; random if absent or empty."
)
_EMAIL: Final = email("email", "E-mail address.")
_PASSWORD: Final = Password(name="password", doc="A new password, 8 to 72 bytes; empty: no change.")
_TIME_ZONE: Final = Text(name="timezone", doc="Time zone; called `time_zone` in token requests.")
_PROFILE: Final = (
    Text(name="first_name", doc="First name."),
    Text(name="last_name", doc="Last name."),
    Text(name="display_name", doc="Display name."),
    Text(name="job_title", doc="Job title."),
    _TIME_ZONE,
    Text(name="country", doc="Country."),
    Text(name="region", doc="Region, as free text."),
    Text(name="company_name", doc="Company name."),
)


def _subscriber_fields(members: Members) -> SubscriberFields:
    values = {field.name: members.get(field) for field in (_EMAIL, *_PROFILE)}
    values["time_zone"] = values.pop(_TIME_ZONE.name)
    return SubscriberFields(
        {name: value for name, value in values.items() if value is not None},
        members.get(_PASSWORD),
    )


CREATE: Final = BodySchema(
    "SubscriberCreateRequest",
    (_NEW_EMAIL, _NEW_PASSWORD, *_PROFILE),
    lambda members: NewSubscriberRequest(members[_NEW_EMAIL], _subscriber_fields(members)),
)
UPDATE: Final = BodySchema(
    "SubscriberUpdateRequest", (_EMAIL, _PASSWORD, *_PROFILE), _subscriber_fields
)


async def _list(context: HandlerContext, call: Call) -> object:
    query = call.query()
    page = await list_subscribers(context.services.store, call.caller.project, read_window(query))
    url = f"{context.public_url}{_PATH}"
    return page_of(page, query, url, show_subscriber, by_creation)


async def _create(
    context: HandlerContext, call: Call, request: NewSubscriberRequest
) -> SubscriberAnswer:
    created = await create_subscriber(context.services, call.caller.project, request)
    return show_subscriber(created)


async def _create_again(
    context: HandlerContext, call: Call, _request: NewSubscriberRequest, subscriber: UUID
) -> SubscriberAnswer:
    project = call.caller.project
    return show_subscriber(await get_subscriber(context.services.store, project, subscriber))


async def _find(context: HandlerContext, call: Call) -> Subscriber:
    return await get_subscriber(context.services.store, call.caller.project, call.path_id("id"))


async def _get(context: HandlerContext, call: Call) -> SubscriberAnswer:
    return show_subscriber(await _find(context, call))


async def _update(
    context: HandlerContext, call: Call, change: SubscriberFields
) -> SubscriberAnswer:
    project, subscriber = call.caller.project, call.path_id("id")
    updated = await update_subscriber(context.services, project, subscriber, change)
    return show_subscriber(updated)


async def _delete(context: HandlerContext, call: Call) -> Response:
    await delete_subscriber(context.services, call.caller.project, call.path_id("id"), call.origin)
    return NO_CONTENT


OPERATIONS: Final = (
    Operation(
        id="list-subscribers",
        method="GET",
        path=_PATH,
        tag="Subscribers",
        summary="List subscribers",
        authentication=Authentication.API_TOKEN,
        handler=_list,
        answer=ListOf[SubscriberAnswer],
        query=PAGING_QUERY,
    ),
    Operation(
        id="create-subscriber",
        method="POST",
        path=_PATH,
        tag="Subscribers",
        summary="Create a subscriber",
        authentication=Authentication.API_TOKEN,
        handler=BodyHandler(CREATE, _create),
        repeat=_create_again,
        status=201,
        answer=SubscriberAnswer,
        refusals=frozenset({Code.NOT_UNIQUE_WITHIN_PROJECT}),
    ),
    Operation(
        id="get-subscriber",
        method="GET",
        path=f"{_PATH}/{{id}}",
        tag="Subscribers",
        summary="Get a subscriber",
        authentication=Authentication.API_TOKEN,
        handler=_get,
        answer=SubscriberAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="update-subscriber",
        method="PUT",
        path=f"{_PATH}/{{id}}",
        tag="Subscribers",
        summary="Update a subscriber",
        description="Updates the fields in the body and keeps the others.",
        authentication=Authentication.API_TOKEN,
        handler=BodyHandler(UPDATE, _update),
        answer=SubscriberAnswer,
        refusals=frozenset({Code.NOT_FOUND, Code.NOT_UNIQUE_WITHIN_PROJECT}),
    ),
    Operation(
        id="delete-subscriber",
        method="DELETE",
        path=f"{_PATH}/{{id}}",
        tag="Subscribers",
        summary="Delete a subscriber",
        description="All sessions of the subscriber end immediately.",
        authentication=Authentication.API_TOKEN,
        handler=_delete,
        status=204,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="list-subscriber-addresses",
        method="GET",
        path=f"{_PATH}/{{id}}/addresses",
        tag="Subscribers",
        summary="List a subscriber's addresses",
        authentication=Authentication.API_TOKEN,
        handler=addresses_handler(_PATH, _find),
        answer=ListOf[AddressAnswer],
        query=PAGING_QUERY,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
)
