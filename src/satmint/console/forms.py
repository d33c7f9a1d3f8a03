"""Forms with the fields of the API's request bodies, and with its sentences for what is wrong.

A form that is refused comes back with what was typed, each error beside its field. Passwords do not
come back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from satmint.console.context import ConsoleContext
from satmint.console.page import View
from satmint.console.request import ConsoleRequest
from satmint.http.body_schema import BodySchema, ReadContext
from satmint.model.refusals import FieldError, Unprocessable

T = TypeVar("T")

Entered = Mapping[str, str | Sequence[str]]
"""The values of a form's fields, by name."""
_TEMPLATE: Final = "form.html"


class Control(StrEnum):
    """How a field is shown."""

    TEXT = "text"
    PASSWORD = "password"  # noqa: S105 - a kind of field
    TEXTAREA = "textarea"
    LINES = "lines"
    """A list: one item in each line."""
    SELECT = "select"
    CHECKS = "checks"
    """A list: the checked boxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """A field of a form."""

    name: str
    """The member of the request's body."""
    label: str
    control: Control = Control.TEXT
    help: str = ""
    required: bool = False
    max_length: int | None = None
    options: Sequence[tuple[str, str]] = ()
    """Values with the texts that are shown for them; for text, suggestions."""

    @property
    def is_list(self) -> bool:
        """Whether its value is a list."""
        return self.control in (Control.LINES, Control.CHECKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form on a page of its own."""

    title: str
    button: str
    """A verb and its object."""
    cancel: str
    """The path to return to."""
    fields: Sequence[FormField]
    lead: str = ""
    back: str = ""
    """The title of the page to return to."""
    is_new: bool = True
    """Whether it makes something. Otherwise it changes something, and is filled already."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a form has sent."""

    members: Mapping[str, object]
    """The members of a body. Fields that were left empty are missing."""
    emptied: frozenset[str] = field(default_factory=frozenset)
    """Names of text fields that were left empty."""


def form_page(form: Form, entered: Entered, refused: Unprocessable | None = None) -> View:
    """The page of a form.

    Args:
        form: The form. It is sent to the path at which the page is.
        entered: The values to show.
        refused: Why it comes back.
    """
    errors = {} if refused is None else _messages(form, refused.field_errors)
    hidden = {one.name for one in form.fields if one.control is Control.PASSWORD}
    shown = {name: value for name, value in entered.items() if name not in hidden}
    data = {"form": form, "entered": shown, "errors": errors}
    return View(_TEMPLATE, data, form.title, 200 if refused is None else 422)


def entered(form: Form, request: ConsoleRequest) -> Entered:
    """The values of a form's fields as they were sent."""
    return {
        one.name: (
            list(request.texts(one.name))
            if one.control is Control.CHECKS
            else "".join(request.texts(one.name)[-1:])
        )
        for one in form.fields
    }


def given(form: Form, request: ConsoleRequest) -> Given:
    """What a form has sent, as the members of a request's body."""
    members: dict[str, object] = {}
    emptied = set()
    for one in form.fields:
        if one.control is Control.CHECKS:
            members[one.name] = list(request.texts(one.name))
        elif one.control is Control.LINES:
            lines = [line.strip() for line in request.text(one.name).splitlines()]
            if any(lines):
                members[one.name] = [line for line in lines if line]
        elif one.control is Control.PASSWORD:
            # Spaces at its ends are of the password.
            text = "".join(request.texts(one.name)[-1:])
            if text:
                members[one.name] = text
        elif text := request.text(one.name):
            members[one.name] = text
        elif one.name in request.form:
            emptied.add(one.name)
    return Given(members, frozenset(emptied))


def changes(sent: Given, present: Entered) -> Mapping[str, object]:
    """The members of a body that changes something: those that differ from the present values.

    Args:
        sent: What the form has sent.
        present: The values that it was filled with.
    """
    differing = {
        name: value
        for name, value in sent.members.items()
        if (sorted(value) if isinstance(value, list) else value) != _comparable(present.get(name))
    }
    return differing | {name: "" for name in sent.emptied if present.get(name)}


def read(context: ConsoleContext, schema: BodySchema[T], members: Mapping[str, object]) -> T:
    """Read members as the API reads the body of a request.

    Raises:
        Unprocessable: with all errors.
    """
    services = context.services
    read_context = ReadContext(services.clock.now(), services.policy)
    values, field_errors = schema.read(members, read_context)
    if field_errors:
        raise Unprocessable(*field_errors)
    return schema.build(values)


def back_path(request: ConsoleRequest, shown: str, otherwise: str) -> str:
    """The path to return to after a button of a list was pressed: the part of the list.

    Args:
        request: The request; its form may have the field `back`.
        shown: The path of the list.
        otherwise: Where to go if the form was not sent from there.
    """
    back = request.text("back")
    is_own = back == shown or back.startswith(f"{shown}?")
    return back if is_own and back.isascii() and back.isprintable() else otherwise


def _comparable(value: str | Sequence[str] | None) -> object:
    return value if value is None or isinstance(value, str) else sorted(value)


def _messages(form: Form, field_errors: Sequence[FieldError]) -> Mapping[str, str]:
    """The errors' sentences by field; those of no field of the form by ""."""
    names = {one.name for one in form.fields}
    messages: dict[str, str] = {}
    for error in field_errors:
        attribute = error.attribute or ""
        name = attribute if attribute in names else ""
        before = f"{messages[name]} " if name in messages else ""
        messages[name] = f"{before}{error.message.rstrip('.')}."
    return messages
