"""The subscribers of a project: find and create."""

from typing import Final

from satmint.console.context import ConsoleContext
from satmint.console.forms import Control, Form, FormField, entered, form_page, given, read
from satmint.console.listing import pager_of, window_of
from satmint.console.page import Action, NavigationItem, Page, Redirect, Section, View
from satmint.console.quoting import quoted
from satmint.console.request import ConsoleRequest
from satmint.flows.lookup import find_subscriber
from satmint.flows.subscribers import create_subscriber, list_subscribers
from satmint.http.paging import by_creation
from satmint.http.resources.subscribers import CREATE
from satmint.model import listing
from satmint.model.records import Subscriber
from satmint.model.refusals import NotFound, Unprocessable

_PROFILE: Final = (
    ("display_name", "Display name", "Guests and visitors read it."),
    ("first_name", "First name", ""),
    ("last_name", "Last name", ""),
    ("job_title", "Job title", ""),
    ("company_name", "Company", ""),
    ("country", "Country", ""),
    ("region", "Region", ""),
    ("timezone", "Time zone", "Such as Europe/Berlin."),
)


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    search = request.query.get("search", "").strip()
    store, project = context.services.store, request.project.id
    if search:
        try:
            items = [await find_subscriber(store, project, search)]
        except NotFound:
            items = []
        found: listing.Page[Subscriber] = listing.Page(items, more_before=False, more_after=False)
    else:
        found = await list_subscribers(store, project, window_of(request))
    pager = pager_of(request, found, by_creation)
    return View("subscribers.html", {"found": found.items, "pager": pager, "search": search})


def fields(*, new: bool) -> tuple[FormField, ...]:
    """The fields of the form of a new subscriber, or of the change of one."""
    password = "Random if empty." if new else "Empty: no change."
    return (
        FormField(
            name="email",
            label="E-mail address",
            required=new,
            help="It is also the reference, by which backends name the subscriber." if new else "",
        ),
        FormField(
            name="password",
            label="Password" if new else "New password",
            control=Control.PASSWORD,
            help=f"8 to 72 bytes. {password}",
        ),
        *(FormField(name=name, label=label, help=text) for name, label, text in _PROFILE),
    )


def name_of(subscriber: Subscriber) -> str:
    """What a subscriber is called on pages."""
    profile = subscriber.profile
    names = " ".join(filter(None, (profile.first_name, profile.last_name)))
    known = profile.display_name or names or subscriber.reference
    return known or f"{subscriber.kind.value.capitalize()} {str(subscriber.id)[:8]}"


def _form(request: ConsoleRequest) -> Form:
    return Form(
        title="New subscriber",
        lead="A backend need not create subscribers: the first token for a reference does.",
        button="Create subscriber",
        cancel=request.project_path("subscribers"),
        back="Subscribers",
        fields=fields(new=True),
    )


async def _ask(_context: ConsoleContext, request: ConsoleRequest) -> View:
    return form_page(_form(request), {"email": request.query.get("email", "")})


async def _create(context: ConsoleContext, request: ConsoleRequest) -> View | Redirect:
    form = _form(request)
    try:
        wanted = read(context, CREATE, given(form, request).members)
        created = await create_subscriber(context.services, request.project.id, wanted)
    except Unprocessable as refused:
        return form_page(form, entered(form, request), refused)
    path = request.project_path("subscribers", str(created.id))
    return Redirect(path, f"Subscriber {quoted(created.reference or '')} was created.")


PAGE = Page(
    path="/projects/{project}/subscribers",
    title="Subscribers",
    show=_show,
    navigation=NavigationItem(Section.PROJECT, 30, "subscribers"),
    actions=(Action("create", _create, _ask),),
)
