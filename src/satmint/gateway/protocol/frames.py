"""Frames as JSON-RPC 2.0: read strictly, written in the shapes that the browser SDKs need."""

from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

from satmint.model.live import Admission
from satmint.model.strict_json import NotStrictJson, read_strictly

_LONGEST_ID: Final = 128
_LONGEST_METHOD: Final = 128
_DEEPEST: Final = 32
_EXACT: Final = 1 << 53

Id = str | int | None

_encode: Final = msgspec.json.Encoder().encode


class Flaw(Enum):
    """What can be wrong with a request: JSON-RPC's own codes (2.0, section 5.1), and ours."""

    PARSE = -32700, "Parse error"
    REQUEST = -32600, "Invalid Request"
    METHOD = -32601, "Method not found"
    NO_CALLS = -32601, "Not available here: this gateway carries no calls"
    PARAMS = -32602, "Invalid params"
    UNAVAILABLE = -32603, "Service unavailable"
    FULL = -32000, "Too many connections"
    AUTHENTICATION = -32002, "Authentication failed"
    # The message is what 3.30 of the browser SDK goes by, and the code what 4.x does: both then
    # drop what they had and connect afresh. It must never be the answer to a fresh connect, upon
    # which 3.30 would try again 200 times a second.
    RESUME = -32003, "Requester validation failed"

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message


class Request(NamedTuple):
    """A call of a method."""

    id: str | int
    method: str
    params: dict[str, Any]


class Reply(NamedTuple):
    """An answer to something that was asked of the client."""

    id: str | int


class Flawed(NamedTuple):
    """Neither."""

    id: Id
    flaw: Flaw


def read_frame(text: str) -> Request | Reply | Flawed:
    """What a text frame is."""
    try:
        members = read_strictly(text.encode(), _DEEPEST)
    except (NotStrictJson, UnicodeEncodeError):
        return Flawed(None, Flaw.PARSE)
    if not isinstance(members, dict):
        return Flawed(None, Flaw.REQUEST)  # a batch, for which no SDK asks
    given = members.get("id")
    known = given if _is_id(given) else None
    if members.get("jsonrpc") != "2.0" or known is None:
        return Flawed(known, Flaw.REQUEST)
    method = members.get("method")
    if "method" not in members and ("result" in members or "error" in members):
        return Reply(known)
    if not isinstance(method, str) or len(method) > _LONGEST_METHOD:
        return Flawed(known, Flaw.REQUEST)
    params = members.get("params", {})
    if not isinstance(params, dict):
        return Flawed(known, Flaw.PARAMS)
    return Request(known, method, params)


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_ID
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _EXACT


def result(request_id: str | int, value: dict[str, Any]) -> str:
    """A request's answer."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "result": value}).decode()


def error(request_id: Id, flaw: Flaw) -> str:
    """A request's refusal."""
    told = {"code": flaw.code, "message": flaw.message}
    return _encode({"jsonrpc": "2.0", "id": request_id, "error": told}).decode()


def call(request_id: str, method: str, params: dict[str, Any]) -> str:
    """Something that the client is asked, or told. Its id is a string: the SDK ignores others."""
    asked = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    return _encode(asked).decode()


def state_event(event_id: str, protocol: str, state: str, now: int) -> str:
    """The event that hands the client what it can resume with.

    Args:
        event_id: Its id.
        protocol: The connection's; an event for another channel is dropped by the SDK.
        state: Sealed.
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
    """What a connect is answered with, and a re-authentication too: 3.30 merges the two."""
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
            "space_id": project,  # a project is a space by itself here
        },
        "scope": list(admission.scope),
    }
    if admission.jkt is not None:
        authorization["cnf"] = {"jkt": admission.jkt}
    return {
        "identity": identity,
        "protocol": protocol,
        "authorization": authorization,
        "ice_servers": [],  # no media passes through here
    }
