"""The last successful response of a client, in this thread or task.

Answers are plain dicts, and have no place for headers. A context variable keeps the response apart
from those of other threads and tasks that use the same client.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from satmint_sdk.rest._call import Call
from satmint_sdk.rest._steps import Outcome, Response
from satmint_sdk.rest.errors import request_id_of


@dataclass(frozen=True, slots=True)
class LastResponse:
    """What a successful response has beside its body.

    Attributes:
        status_code: The HTTP status.
        headers: The response's headers; names are case-insensitive.
        request_id: The server's id of the request, as in its log.
        method: The HTTP method.
        path: The path of the request, without its query.
        attempts: How many requests it took.
    """

    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    request_id: str | None
    method: str
    path: str
    attempts: int


_MOST: Final = 8
_Entry = tuple["weakref.ref[object]", LastResponse]
_entries: ContextVar[tuple[_Entry, ...]] = ContextVar("satmint_sdk_last_responses", default=())


def remember(owner: object, call: Call[Any], outcome: Outcome, attempts: int) -> None:
    """Take note of the response that ended a call; of the last eight clients in this context."""
    if not isinstance(outcome, Response):
        return
    response = LastResponse(
        outcome.status,
        outcome.headers,
        request_id_of(outcome.headers),
        call.method,
        call.path,
        attempts,
    )
    others = [entry for entry in _entries.get() if entry[0]() not in (None, owner)]
    _entries.set((*others[1 - _MOST :], (weakref.ref(owner), response)))


def last_response(owner: object) -> LastResponse | None:
    """What `remember` has noted last in this context."""
    for reference, response in reversed(_entries.get()):
        if reference() is owner:
            return response
    return None
