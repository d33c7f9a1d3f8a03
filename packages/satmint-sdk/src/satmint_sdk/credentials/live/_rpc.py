"""JSON-RPC 2.0, one object in one text frame. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from satmint_sdk._secrets import one_line

UNKNOWN_METHOD = -32601

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the gateway.

    Attributes:
        id: The id for the response; `None` for a notification.
        method: The method.
        params: Its parameters.
    """

    id: str | int | None
    method: str
    params: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """A success response."""

    id: str
    result: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error response.

    Attributes:
        id: The request's id.
        code: The error code; 0 if it is missing or not an integer.
        message: One line without tokens.
    """

    id: str
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request to the gateway that is not answered yet.

    Attributes:
        method: The method.
        token: The token that was presented with it.
        answer_by: The response's deadline, seconds by the monotonic clock.
    """

    method: str
    token: str = field(repr=False)
    answer_by: float


Frame = Request | Result | Refusal


def read(text: str) -> Frame | None:
    """Parse a frame; `None` if it is invalid. Unknown members are ignored."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    identity, method = found.get("id"), found.get("method")
    if isinstance(method, str):
        params = found.get("params")
        known = identity if isinstance(identity, str | int) else None
        return Request(known, method, params if isinstance(params, dict) else {})
    if not isinstance(identity, str):
        return None
    if "error" in found:
        return _refusal(identity, found["error"])
    return Result(identity, found["result"]) if "result" in found else None


def _refusal(identity: str, error: object) -> Refusal:
    members = error if isinstance(error, dict) else {}
    code, message = members.get("code"), members.get("message")
    return Refusal(
        identity,
        code if type(code) is int else 0,
        one_line(message) if isinstance(message, str) else "",
    )


def request(identity: str, method: str, params: Json) -> str:
    """Write a request."""
    return _frame({"id": identity, "method": method, "params": params})


def answer(identity: str | int, result: Json) -> str:
    """Write a success response."""
    return _frame({"id": identity, "result": result})


def refuse(identity: str | int, code: int, message: str) -> str:
    """Write an error response."""
    return _frame({"id": identity, "error": {"code": code, "message": message}})


def _frame(members: Json) -> str:
    return json.dumps({"jsonrpc": "2.0", **members}, separators=(",", ":"))
