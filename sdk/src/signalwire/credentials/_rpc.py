"""JSON-RPC 2.0, one object in one text frame. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from signalwire._secrets import one_line

UNKNOWN_METHOD = -32601

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """The other side wants something.

    Attributes:
        id: To be repeated in the answer; `None` where none is wanted.
        method: What.
        params: With what.
    """

    id: str | int | None
    method: str
    params: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """The other side did what it was asked."""

    id: str
    result: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The other side did not.

    Attributes:
        id: Which request.
        code: The error code; 0 where there was none that is a number.
        message: One line without tokens.
    """

    id: str
    code: int
    message: str


Frame = Request | Result | Refusal


def read(text: str) -> Frame | None:
    """Read a frame; `None` where it is none. Members that are not looked at may be anything."""
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
    """Write the answer to a request."""
    return _frame({"id": identity, "result": result})


def refuse(identity: str | int, code: int, message: str) -> str:
    """Write the refusal of a request."""
    return _frame({"id": identity, "error": {"code": code, "message": message}})


def _frame(members: Json) -> str:
    return json.dumps({"jsonrpc": "2.0", **members}, separators=(",", ":"))
