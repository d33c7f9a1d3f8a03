"""The last requests to a development server: what came, what was answered, and why not."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from satmint.console.context import ConsoleContext
from satmint.console.exchange_curl import curl
from satmint.console.page import Action, NavigationItem, Page, Redirect, Section, View
from satmint.console.request import ROOT, ConsoleRequest
from satmint.http.explanation import Explanation
from satmint.http.explanations import EXPLANATIONS
from satmint.model.recorded_exchange import Exchange, ExchangeKind
from satmint.model.refusals import Code, NotFound

_PATH: Final = "/requests"
_URL: Final = f"{ROOT}{_PATH}"
_ROWS: Final = 100
_STATUSES: Final = (
    ("", "any"),
    ("good", "successful"),
    ("refused", "refused (4xx)"),
    ("failed", "failed (5xx)"),
    ("none", "no response"),
    ("text", "texts on connections"),
)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a request was refused."""

    code: str
    message: str
    explanation: Explanation | None


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    path, status = request.query.get("path", ""), request.query.get("status", "")
    found = [
        one
        for one in reversed(_exchanges(context))
        if path.lower() in one.target.lower() and status in ("", _status(one))
    ]
    data = {
        "exchanges": [(one, _tone(one)) for one in found[:_ROWS]],
        "total": len(found),
        "statuses": _STATUSES,
    }
    return View("requests.html", data)


async def _forget(context: ConsoleContext, request: ConsoleRequest) -> Redirect:  # noqa: ARG001 - a handler
    if context.development is None:
        raise NotFound("no_development")
    context.development.forget_exchanges()
    return Redirect(_URL, "The recorded requests are forgotten.")


async def _show_one(context: ConsoleContext, request: ConsoleRequest) -> View:
    number = request.params["number"]
    exchanges = _exchanges(context)
    exchange = next((one for one in exchanges if str(one.number) == number), None)
    if exchange is None:
        raise NotFound("exchange")
    is_request = exchange.kind is ExchangeKind.REQUEST
    data = {
        "exchange": exchange,
        "tone": _tone(exchange),
        "refusals": [
            _Refusal(code, message, _explanation(code)) for code, message in exchange.refusals
        ],
        "curl": curl(exchange, context.public_url)
        if is_request and exchange.method != "SOCKET"
        else "",
    }
    title = f"{exchange.method} {exchange.target.partition('?')[0]}"
    return View("request.html", data, title[:200])


def _exchanges(context: ConsoleContext) -> list[Exchange]:
    return [] if context.development is None else [*context.development.exchanges()]


def _explanation(code: str) -> Explanation | None:
    try:
        return EXPLANATIONS.get(Code(code))
    except ValueError:
        return None


def _status(exchange: Exchange) -> str:
    """The value of the filter that shows an exchange."""
    if exchange.kind is not ExchangeKind.REQUEST:
        return "text"
    if exchange.status is None:
        return "none"
    if exchange.status < HTTPStatus.BAD_REQUEST:
        return "good"
    return "refused" if exchange.status < HTTPStatus.INTERNAL_SERVER_ERROR else "failed"


def _tone(exchange: Exchange) -> str:
    return {"good": "good", "refused": "warn", "failed": "bad"}.get(_status(exchange), "")


PAGE: Final = Page(
    path=_PATH,
    title="Requests",
    show=_show,
    navigation=NavigationItem(Section.DEVELOPMENT, 10, "requests"),
    actions=(Action("forget", _forget),),
    development_only=True,
)
DETAIL: Final = Page(
    path=f"{_PATH}/{{number}}", title="Request", show=_show_one, development_only=True
)
