"""The clock and the faults of a development server: see, move, inject, reset."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from satmint.console.context import ConsoleContext
from satmint.console.development import Development
from satmint.console.page import Action, Answer, NavigationItem, Page, Redirect, Section, View
from satmint.console.request import ROOT, ConsoleRequest
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable

_PATH: Final = "/clock"
_URL: Final = f"{ROOT}{_PATH}"
_KINDS: Final = {
    "lose_answer": "Lose the response: the request takes effect",
    "cut_answer": "Cut the response in its middle: the request takes effect",
    "delay_answer": "Delay the response: the request is handled at once",
    "lose_request": "Lose the request: it has no effect",
    "delay_request": "Delay the request: it is handled later",
    "refuse": "Refuse the request with a status: it has no effect",
}
_STEPS: Final = (("300", "5 minutes"), ("3600", "1 hour"), ("86400", "1 day"))
_NUMBERS: Final = ("times", "status", "retry_after")
_STATUSES: Final = ("", "429", "500", "502", "503", "504")


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    return _view(context, request, {})


def _view(context: ConsoleContext, request: ConsoleRequest, errors: Mapping[str, str]) -> View:
    development = _development(context)
    data = {
        "clock": development.clock(),
        "faults": development.faults(),
        "expired": development.expired(),
        "kinds": _KINDS,
        "operations": [
            ("*", "any operation of the API"),
            *((n, n) for n in development.operations),
        ],
        "statuses": [(value, value or "none") for value in _STATUSES],
        "steps": _STEPS,
        "entered": {name: values[-1] for name, values in request.form.items() if values},
        "errors": errors,
    }
    return View("clock.html", data, status=422 if errors else 200)


async def _move(context: ConsoleContext, request: ConsoleRequest) -> Answer:
    members: dict[str, object] = {}
    try:
        if request.text("frozen"):
            members["frozen"] = request.text("frozen") == "true"
        if request.text("advance"):
            members["advance"] = _number(request.text("advance"))
        elif request.text("set"):
            members["set"] = _seconds(request.text("set"))
        _development(context).move_clock(members)
    except Unprocessable as refused:
        return _view(context, request, _messages(refused))
    return Redirect(_URL, "The clock was changed.")


async def _reset_clock(context: ConsoleContext, request: ConsoleRequest) -> Answer:  # noqa: ARG001 - a handler
    _development(context).reset_clock()
    return Redirect(_URL, "The clock shows the system's time.")


async def _arm(context: ConsoleContext, request: ConsoleRequest) -> Answer:
    members: dict[str, object] = {
        name: text for name in ("kind", "operation") if (text := request.text(name))
    }
    members |= {name: _number(text) for name in _NUMBERS if (text := request.text(name))}
    if seconds := request.text("seconds"):
        members["seconds"] = _number(seconds)
    try:
        _development(context).arm(members)
    except Unprocessable as refused:
        return _view(context, request, _messages(refused))
    return Redirect(_URL, "The fault is armed.")


async def _disarm(context: ConsoleContext, request: ConsoleRequest) -> Answer:  # noqa: ARG001 - a handler
    _development(context).disarm()
    return Redirect(_URL, "All faults are removed.")


async def _cut(context: ConsoleContext, request: ConsoleRequest) -> Answer:  # noqa: ARG001 - a handler
    count = _development(context).cut_sockets()
    return Redirect(_URL, f"{count} WebSocket connection{'' if count == 1 else 's'} cut.")


async def _expire(context: ConsoleContext, request: ConsoleRequest) -> Answer:
    project = None if request.current is None else request.current.id
    try:
        session = request.form_id("session")
        await _development(context).expire(project or session, session, request.text("what"))
    except NotFound:
        return _view(context, request, {"session": "The project in view has no such session."})
    return Redirect(_URL, "The session's tokens have expired.")


async def _reset(context: ConsoleContext, request: ConsoleRequest) -> Answer:  # noqa: ARG001 - a handler
    _development(context).reset()
    return Redirect(_URL, "Clock, faults and early expiries are reset.")


def _development(context: ConsoleContext) -> Development:
    if context.development is None:
        raise NotFound("no_development")
    return context.development


def _number(text: str) -> object:
    """A number, or the text, which the schema then refuses."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _seconds(text: str) -> int:
    """The Unix seconds of a time in UTC.

    Raises:
        Unprocessable: it is none.
    """
    try:
        at = datetime.fromisoformat(text)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        message = "Set must be a time such as 2027-01-31T12:00"
        raise Unprocessable(FieldError(Code.INVALID_PARAMETER, message, "set")) from error


def _messages(refused: Unprocessable) -> dict[str, str]:
    return {one.attribute or "": f"{one.message.rstrip('.')}." for one in refused.field_errors}


PAGE: Final = Page(
    path=_PATH,
    title="Clock and faults",
    show=_show,
    navigation=NavigationItem(Section.DEVELOPMENT, 20, "clock"),
    actions=(
        Action("move", _move),
        Action("reset-clock", _reset_clock),
        Action("arm", _arm),
        Action("disarm", _disarm),
        Action("cut-sockets", _cut),
        Action("expire", _expire),
        Action("reset", _reset),
    ),
    development_only=True,
)
