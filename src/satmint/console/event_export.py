"""Files with the events that a search finds, sent page by page: memory does not grow with them."""

import csv
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from enum import StrEnum
from io import StringIO
from typing import Final
from uuid import UUID

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from satmint.flows.session_queries import list_events
from satmint.http.call import NO_STORE
from satmint.http.management_answers import EventAnswer, show_event
from satmint.model.event_filter import EventFilter
from satmint.model.event_page import EventPage
from satmint.model.events import Event
from satmint.model.listing import Anchor, Window
from satmint.store.contract import Store

_PAGE_SIZE: Final = 500
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_COLUMNS: Final = EventAnswer.__struct_fields__
_encode: Final = msgspec.json.Encoder().encode


class ExportFormat(StrEnum):
    """The formats of files."""

    JSON_LINES = "jsonl"
    CSV = "csv"


_TYPES: Final = {
    ExportFormat.JSON_LINES: b"application/jsonl; charset=utf-8",
    ExportFormat.CSV: b"text/csv; charset=utf-8; header=present",
}


async def event_file(
    store: Store, project: UUID, wanted: EventFilter, kind: ExportFormat, name: str
) -> ASGIApp:
    """The response with the events of a project that match a filter, newest first.

    Args:
        store: Where they are.
        project: The project.
        wanted: The filter.
        kind: The format.
        name: The file's name without its ending, in ASCII.

    Raises:
        StoreUnavailable: the first ones cannot be read. If later ones cannot, the response is cut
            off, so that nobody takes the file for a whole one.
    """
    first = await list_events(store, project, wanted, Window(_PAGE_SIZE, descending=True))
    headers = [
        (b"content-type", _TYPES[kind]),
        (b"content-disposition", f'attachment; filename="{name}.{kind.value}"'.encode("ascii")),
        NO_STORE,
    ]

    async def respond(scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        with suppress(OSError):  # the browser has left
            if scope["method"] != "HEAD":
                async for part in _parts(store, project, wanted, first, kind):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return respond


async def _parts(
    store: Store, project: UUID, wanted: EventFilter, page: EventPage, kind: ExportFormat
) -> AsyncIterator[bytes]:
    write: Callable[[Sequence[Event]], bytes] = _json_lines
    if kind is ExportFormat.CSV:
        yield _rows([_COLUMNS])
        write = _csv
    while True:
        yield write(page.items)
        after = page.continue_after
        if not page.more_after or (after is None and not page.items):
            return
        if after is None:
            after = page.positions[-1], UUID(bytes=page.items[-1].id)
        window = Window(_PAGE_SIZE, Anchor(*after), descending=True)
        page = await list_events(store, project, wanted, window)


def _json_lines(events: Sequence[Event]) -> bytes:
    return b"".join(_encode(show_event(event)) + b"\n" for event in events)


def _csv(events: Sequence[Event]) -> bytes:
    answers = [msgspec.to_builtins(show_event(event)) for event in events]
    return _rows([_cell(answer[name]) for name in _COLUMNS] for answer in answers)


def _cell(value: object) -> str:
    """A value that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _rows(rows: Iterable[Sequence[str]]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows(rows)  # RFC 4180: lines end with CRLF
    return text.getvalue().encode()
