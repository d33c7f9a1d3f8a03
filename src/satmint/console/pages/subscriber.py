"""One subscriber: profile, presence, devices, sessions, addresses; what can be done with it."""

from collections.abc import Sequence
from typing import Final

from satmint.console.context import ConsoleContext
from satmint.console.counting import active_sessions, counted
from satmint.console.devices import newest_devices
from satmint.console.listing import pager_of, window_of
from satmint.console.page import Action, Confirmation, Page, Redirect, View, confirmation
from satmint.console.pages.subscriber_change import (
    ask_change,
    change,
    own_path,
    subscriber_of,
)
from satmint.console.pages.subscribers import name_of
from satmint.console.quoting import quoted
from satmint.console.request import ConsoleRequest
from satmint.flows.revoke import revoke_key, revoke_subscriber
from satmint.flows.session_ends import ended_by
from satmint.flows.session_queries import count_matching, list_presence, list_sessions
from satmint.flows.subscribers import delete_subscriber
from satmint.http.paging import by_creation
from satmint.model.listing import BoundedCount
from satmint.model.naming import is_fingerprint
from satmint.model.records import Subscriber
from satmint.model.refusals import NotFound
from satmint.model.session_filter import SessionFilter, SessionStatus

_ROWS: Final = 20
"""Sessions on one page."""


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    subscriber = await subscriber_of(context, request)
    services, project = context.services, request.project.id
    store = services.store
    window = window_of(request, rows=_ROWS)
    sessions = await list_sessions(store, project, subscriber.id, window)
    data = {
        "subscriber": subscriber,
        "profile_facts": _facts(subscriber),
        "presence": await list_presence(services, project, subscriber.id),
        "devices": await newest_devices(services, project, subscriber.id),
        "sessions": sessions.items,
        "ends": await ended_by(services, project, sessions.items),
        "pager": pager_of(request, sessions, by_creation),
        "addresses": await store.addresses.of_subscriber(project, subscriber.id),
    }
    return View("subscriber.html", data, name_of(subscriber))


def _facts(subscriber: Subscriber) -> Sequence[tuple[str, str | None]]:
    """Labels and values of the profile."""
    profile = subscriber.profile
    return (
        ("Display name", profile.display_name),
        ("First name", profile.first_name),
        ("Last name", profile.last_name),
        ("Job title", profile.job_title),
        ("Company", profile.company_name),
        ("Country", profile.country),
        ("Region", profile.region),
        ("Time zone", profile.time_zone),
    )


async def _active(
    context: ConsoleContext, request: ConsoleRequest, jkt: str | None = None
) -> BoundedCount:
    """How many active sessions the subscriber has, or those that are bound to one key."""
    wanted = SessionFilter(
        state=SessionStatus.ACTIVE, subscriber=request.path_id("subscriber"), jkt=jkt
    )
    return await count_matching(context.services, request.project.id, wanted)


async def _ask_revoke(context: ConsoleContext, request: ConsoleRequest) -> View:
    subscriber = await subscriber_of(context, request)
    count = counted(await _active(context, request))
    return confirmation(
        Confirmation(
            title="Revoke everything of this subscriber?",
            text=f"{count} of {quoted(name_of(subscriber))} will be revoked.",
            points=(
                "Every token that was issued to it so far becomes invalid, on every device.",
                "Its live sockets are closed.",
                "It can sign in again: the subscriber stays.",
            ),
            button="Revoke everything",
            cancel=own_path(request),
        )
    )


async def _revoke(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    subscriber = await subscriber_of(context, request)
    count = await revoke_subscriber(
        context.services, request.project.id, subscriber.id, request.origin
    )
    return Redirect(own_path(request), _revoked(count))


def _revoked(count: int) -> str:
    return f"{active_sessions(count)} {'was' if count == 1 else 'were'} revoked."


def _key(text: str) -> str:
    """A thumbprint that a form or a query has sent.

    Raises:
        NotFound: it has not the form of one.
    """
    if not is_fingerprint(text):
        raise NotFound("not_a_fingerprint")
    return text


async def _ask_revoke_key(context: ConsoleContext, request: ConsoleRequest) -> View:
    subscriber = await subscriber_of(context, request)
    key = _key(request.query.get("key", ""))
    count = counted(await _active(context, request, key))
    return confirmation(
        Confirmation(
            title="Revoke this key?",
            text=f"{count} bound to the key will be revoked.",
            points=(
                f"The key has the thumbprint {key}, and is of {quoted(name_of(subscriber))}.",
                "Other devices of the subscriber stay signed in.",
                "The device can sign in again, with the same key or another.",
            ),
            button="Revoke key",
            cancel=own_path(request),
            fields={"key": key},
        )
    )


async def _revoke_key(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    subscriber = await subscriber_of(context, request)
    key = _key(request.text("key"))
    count = await revoke_key(
        context.services, request.project.id, subscriber.id, key, request.origin
    )
    return Redirect(own_path(request), _revoked(count))


async def _ask_delete(context: ConsoleContext, request: ConsoleRequest) -> View:
    subscriber = await subscriber_of(context, request, permanent=True)
    count = counted(await _active(context, request))
    return confirmation(
        Confirmation(
            title="Delete this subscriber?",
            text=(
                f"Subscriber {quoted(name_of(subscriber))} will be deleted. This cannot be undone."
            ),
            points=(
                f"{count} will be revoked.",
                "Its addresses are deleted. Tokens of guests that are good for them alone end.",
                "A later token request with its reference creates another subscriber.",
            ),
            button="Delete subscriber",
            cancel=own_path(request),
        )
    )


async def _delete(context: ConsoleContext, request: ConsoleRequest) -> Redirect:
    subscriber = await subscriber_of(context, request, permanent=True)
    await delete_subscriber(context.services, request.project.id, subscriber.id, request.origin)
    message = f"Subscriber {quoted(name_of(subscriber))} was deleted."
    return Redirect(request.project_path("subscribers"), message)


PAGE = Page(
    path="/projects/{project}/subscribers/{subscriber}",
    title="Subscriber",
    show=_show,
    actions=(
        Action("change", change, ask_change),
        Action("revoke", _revoke, _ask_revoke),
        Action("revoke-key", _revoke_key, _ask_revoke_key),
        Action("delete", _delete, _ask_delete),
    ),
)
