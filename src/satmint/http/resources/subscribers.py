"""Subscribers as a resource."""

from typing import Any, Final

from satmint.flows.addresses import list_addresses
from satmint.flows.subscribers import (
    SubscriberFields,
    create_subscriber,
    delete_subscriber,
    list_subscribers,
    subscriber_of,
    update_subscriber,
)
from satmint.http.answers import (
    AddressAnswer,
    ListOf,
    SubscriberAnswer,
    show_address,
    show_subscriber,
)
from satmint.http.fields import Password, Text, email
from satmint.http.messages import Call, Response
from satmint.http.operations import NO_CONTENT, Admits, Desk, Operation
from satmint.http.paging import PAGING_QUERY, page_of, read_window
from satmint.http.shapes import Field, Shape
from satmint.model.listing import AddressFilter
from satmint.model.refusals import Code

_PATH: Final = "/api/fabric/resources/subscribers"

_FIELDS: Final[dict[str, Field[Any]]] = {
    "password": Password(doc="The password, 8 to 72 bytes; a random one if absent or empty."),
    "first_name": Text(doc="First name."),
    "last_name": Text(doc="Last name."),
    "display_name": Text(doc="Display name."),
    "job_title": Text(doc="Job title."),
    "timezone": Text(doc="Time zone; called `time_zone` in token requests."),
    "country": Text(doc="Country."),
    "region": Text(doc="Region, as free text."),
    "company_name": Text(doc="Company name."),
}

CREATE: Final = Shape(
    "SubscriberCreateRequest",
    {"email": email("E-mail address, and the `reference` too.", required=True), **_FIELDS},
)
UPDATE: Final = Shape(
    "SubscriberUpdateRequest",
    {
        "email": email("E-mail address."),
        **_FIELDS,
        "password": Password(doc="A new password, 8 to 72 bytes; empty leaves it as it is."),
    },
)


async def _list(desk: Desk, call: Call) -> object:
    query = call.query()
    page = await list_subscribers(desk.mint, call.caller.project, read_window(query))
    url = f"{desk.public_url}{_PATH}"
    return page_of(page, query, url, show_subscriber, lambda found: (found.created_at, found.id))


async def _create(desk: Desk, call: Call) -> SubscriberAnswer:
    created = await create_subscriber(
        desk.mint, call.caller.project, call.form["email"], _wanted(call.form)
    )
    return show_subscriber(created)


async def _get(desk: Desk, call: Call) -> SubscriberAnswer:
    found = await subscriber_of(desk.mint, call.caller.project, call.path_id("id"))
    return show_subscriber(found)


async def _update(desk: Desk, call: Call) -> SubscriberAnswer:
    updated = await update_subscriber(
        desk.mint, call.caller.project, call.path_id("id"), _wanted(call.form)
    )
    return show_subscriber(updated)


async def _delete(desk: Desk, call: Call) -> Response:
    await delete_subscriber(desk.mint, call.caller.project, call.path_id("id"), call.origin)
    return NO_CONTENT


async def _addresses(desk: Desk, call: Call) -> object:
    query, project = call.query(), call.caller.project
    subscriber = await subscriber_of(desk.mint, project, call.path_id("id"))
    wanted = AddressFilter(subscriber=subscriber.id)
    page = await list_addresses(desk.mint, project, wanted, read_window(query))
    url = f"{desk.public_url}{_PATH}/{subscriber.id}/addresses"
    return page_of(page, query, url, show_address, lambda found: (found.created_at, found.id))


def _wanted(form: dict[str, Any]) -> SubscriberFields:
    fields = {name: value for name, value in form.items() if name != "password"}
    if "timezone" in fields:
        fields["time_zone"] = fields.pop("timezone")
    return SubscriberFields(fields, form.get("password"))


OPERATIONS: Final = (
    Operation(
        id="list-subscribers",
        method="GET",
        path=_PATH,
        tag="Subscribers",
        summary="List subscribers",
        admits=Admits.BACKEND,
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
        admits=Admits.BACKEND,
        shape=CREATE,
        handler=_create,
        status=201,
        answer=SubscriberAnswer,
        refusals=frozenset({Code.NOT_UNIQUE_WITHIN_PROJECT}),
    ),
    Operation(
        id="get-subscriber",
        method="GET",
        path=f"{_PATH}/{{id}}",
        tag="Subscribers",
        summary="One subscriber",
        admits=Admits.BACKEND,
        handler=_get,
        answer=SubscriberAnswer,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
    Operation(
        id="update-subscriber",
        method="PUT",
        path=f"{_PATH}/{{id}}",
        tag="Subscribers",
        summary="Change a subscriber",
        description="Takes any subset of the fields and leaves the others as they are.",
        admits=Admits.BACKEND,
        shape=UPDATE,
        handler=_update,
        answer=SubscriberAnswer,
        refusals=frozenset({Code.NOT_FOUND, Code.NOT_UNIQUE_WITHIN_PROJECT}),
    ),
    Operation(
        id="delete-subscriber",
        method="DELETE",
        path=f"{_PATH}/{{id}}",
        tag="Subscribers",
        summary="Delete a subscriber",
        description="All of its sessions end at once.",
        admits=Admits.BACKEND,
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
        admits=Admits.BACKEND,
        handler=_addresses,
        answer=ListOf[AddressAnswer],
        query=PAGING_QUERY,
        refusals=frozenset({Code.NOT_FOUND}),
    ),
)
