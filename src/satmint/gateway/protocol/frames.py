"""JSON-RPC 2.0 frames: strict parsing, and the messages that the browser SDKs need."""

from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

from satmint.model.live import Admission
from satmint.model.strict_json import NotStrictJson, parse_strict_json

_MAX_ID_CHARS: Final = 128
_MAX_METHOD_CHARS: Final = 128
_MAX_DEPTH: Final = 32
_MAX_SAFE_INTEGER: Final = 1 << 53

Id = str | int | None

_encode: Final = msgspec.json.Encoder().encode


class FrameError(Enum):
    """Error answers: the codes of JSON-RPC 2.0, section 5.1, and ours."""

    PARSE = -32700, "Parse error"
    REQUEST = -32600, "Invalid Request"
    METHOD = -32601, "Method not found"
    NO_CALLS = -32601, "Not available here: this gateway carries no calls"
    PARAMS = -32602, "Invalid params"
    UNAVAILABLE = -32603, "Service unavailable"
    FULL = -32000, "Too many connections"
    AUTHENTICATION = -32002, "Authentication failed"
    # 3.30 of the browser SDK recognises the message, 4.x the code: both then drop their state and
    # connect afresh. A fresh connect must never get this answer: 3.30 would retry 200 times a
    # second.
    RESUME = -32003, "Requester validation failed"

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message


class Request(NamedTuple):
    """A method call."""

    id: str | int
    method: str
    params: dict[str, Any]


class Reply(NamedTuple):
    """The client's answer to one of the server's requests."""

    id: str | int


class InvalidFrame(NamedTuple):
    """Neither a request nor a reply."""

    id: Id
    frame_error: FrameError


def read_frame(text: str) -> Request | Reply | InvalidFrame:
    """Parse a text frame."""
    try:
        members = parse_strict_json(text.encode(), _MAX_DEPTH)
    except (NotStrictJson, UnicodeEncodeError):
        return InvalidFrame(None, FrameError.PARSE)
    if not isinstance(members, dict):
        return InvalidFrame(None, FrameError.REQUEST)  # a batch; no SDK sends one
    raw_id = members.get("id")
    request_id = raw_id if _is_id(raw_id) else None
    if members.get("jsonrpc") != "2.0" or request_id is None:
        return InvalidFrame(request_id, FrameError.REQUEST)
    method = members.get("method")
    if "method" not in members and ("result" in members or "error" in members):
        return Reply(request_id)
    if not isinstance(method, str) or len(method) > _MAX_METHOD_CHARS:
        return InvalidFrame(request_id, FrameError.REQUEST)
    params = members.get("params", {})
    if not isinstance(params, dict):
        return InvalidFrame(request_id, FrameError.PARAMS)
    return Request(request_id, method, params)


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_ID_CHARS
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_SAFE_INTEGER


def result(request_id: str | int, value: dict[str, Any]) -> str:
    """A success response."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "result": value}).decode()


def error(request_id: Id, frame_error: FrameError) -> str:
    """An error response."""
    body = {"code": frame_error.code, "message": frame_error.message}
    return _encode({"jsonrpc": "2.0", "id": request_id, "error": body}).decode()


def call(request_id: str, method: str, params: dict[str, Any]) -> str:
    """A request or event for the client. Its id is a string: the SDK ignores other ids."""
    message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    return _encode(message).decode()


def state_event(event_id: str, protocol: str, state: str, now: int) -> str:
    """The event that gives the client its resume state.

    Args:
        event_id: Its id.
        protocol: The connection's protocol name; the SDK drops events for other channels.
        state: The sealed resume state.
        now: Unix seconds.
    """
    params = {
        "event_type": "signalwire.authorization.state",
        "event_channel": protocol,
        "timestamp": now,
        "params": {"authorization_state": state},
    }
    return call(event_id, "signalwire.event", params)


def connect_result(identity: str, protocol: str, admission: Admission) -> dict[str, Any]:
    """The result of a connect and of a re-authentication: 3.30 merges the two."""
    project, subscriber = str(admission.project), str(admission.subscriber)
    application = admission.application
    authorization: dict[str, Any] = {
        "jti": admission.jti,
        "project_id": project,
        "fabric_subscriber": {
            "version": 1,
            "expires_at": admission.expires_at,
            "subscriber_id": subscriber,
            "application_id": None if application is None else str(application),
            "project_id": project,
            "space_id": project,  # here every project is its own space
        },
        "scope": list(admission.scope),
    }
    if admission.jkt is not None:
        authorization["cnf"] = {"jkt": admission.jkt}
    return {
        "identity": identity,
        "protocol": protocol,
        "authorization": authorization,
        "ice_servers": [],  # this gateway carries no media
    }
