"""The form that changes a subscriber."""

from satmint.console.context import ConsoleContext
from satmint.console.forms import Entered, Form, changes, entered, form_page, given, read
from satmint.console.page import Redirect, View
from satmint.console.pages.subscribers import fields, name_of
from satmint.console.quoting import quoted
from satmint.console.request import ConsoleRequest
from satmint.flows.subscribers import get_subscriber, update_subscriber
from satmint.http.resources.subscribers import UPDATE
from satmint.model.records import Subscriber
from satmint.model.refusals import NotFound, Unprocessable


async def subscriber_of(
    context: ConsoleContext, request: ConsoleRequest, *, permanent: bool = False
) -> Subscriber:
    """The subscriber of the request's path.

    Args:
        context: What pages need.
        request: The request.
        permanent: Whether temporary subscribers, such as guests, do not count.

    Raises:
        NotFound: the project has no such subscriber.
    """
    wanted, store = request.path_id("subscriber"), context.services.store
    if permanent:
        return await get_subscriber(store, request.project.id, wanted)
    found = await store.subscribers.get(request.project.id, wanted)
    if found is None:
        raise NotFound("subscriber")
    return found


def own_path(request: ConsoleRequest) -> str:
    """The page of the subscriber of the request's path."""
    return request.project_path("subscribers", str(request.path_id("subscriber")))


def _form(request: ConsoleRequest, subscriber: Subscriber) -> Form:
    return Form(
        title="Change subscriber",
        lead="A change of the e-mail address changes the reference too, if it is the same.",
        button="Save changes",
        is_new=False,
        cancel=own_path(request),
        back=name_of(subscriber),
        fields=fields(new=False),
    )


def _present(subscriber: Subscriber) -> Entered:
    profile = subscriber.profile
    return {
        "email": subscriber.email or "",
        "display_name": profile.display_name or "",
        "first_name": profile.first_name or "",
        "last_name": profile.last_name or "",
        "job_title": profile.job_title or "",
        "company_name": profile.company_name or "",
        "country": profile.country or "",
        "region": profile.region or "",
        "timezone": profile.time_zone or "",
    }


async def ask_change(context: ConsoleContext, request: ConsoleRequest) -> View:
    """The form."""
    subscriber = await subscriber_of(context, request, permanent=True)
    return form_page(_form(request, subscriber), _present(subscriber))


async def change(context: ConsoleContext, request: ConsoleRequest) -> View | Redirect:
    """Change what differs from the present values."""
    subscriber = await subscriber_of(context, request, permanent=True)
    form = _form(request, subscriber)
    differing = changes(given(form, request), _present(subscriber))
    if not differing:
        return Redirect(form.cancel, "Nothing was changed.")
    try:
        wanted = read(context, UPDATE, differing)
        changed = await update_subscriber(
            context.services, request.project.id, subscriber.id, wanted
        )
    except Unprocessable as refused:
        return form_page(form, entered(form, request), refused)
    return Redirect(form.cancel, f"Subscriber {quoted(name_of(changed))} was changed.")
