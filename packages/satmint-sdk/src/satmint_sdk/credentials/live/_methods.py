"""The gateway's methods: their parameters, and the meaning of their errors. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from satmint_sdk.credentials.live import _rpc
from satmint_sdk.rest._endpoint import USER_AGENT

CONNECT: Final = "signalwire.connect"
REAUTHENTICATE: Final = "signalwire.reauthenticate"
ONLINE: Final = "subscriber.online"
OFFLINE: Final = "subscriber.offline"
PRESENCE: Final = (OFFLINE, ONLINE)
"""The method for offline and for online, indexed by `bool`."""

PING: Final = "signalwire.ping"
EVENT: Final = "signalwire.event"
DISCONNECT: Final = "signalwire.disconnect"

CLOSED_EXPIRED: Final = 4401
CLOSED_REVOKED: Final = 4403

_STATE_EVENT: Final = "signalwire.authorization.state"
_VERSION: Final = {"major": 4, "minor": 0, "revision": 0}

_AUTHENTICATION: Final = -32002
_STATE: Final = -32003
_PARAMETERS: Final = -32602
_RESUME_REFUSED: Final = frozenset({_AUTHENTICATION, _STATE, _PARAMETERS})
_RESUME_REFUSED_MESSAGE: Final = "Requester validation failed"
_FINAL_CODES: Final = frozenset({_PARAMETERS, -32600, -32601, -32700})


@dataclass(frozen=True, slots=True)
class Authorization:
    """The gateway's information about the credential.

    Attributes:
        project_id: The project.
        subscriber_id: The subscriber; `None` if unknown.
        scope: The credential's scope.
        expires_at: Its expiry, seconds since the epoch; `None` if unknown.
    """

    project_id: str
    subscriber_id: str | None
    scope: tuple[str, ...]
    expires_at: int | None


def connect_params(
    token: str, proof: str, state: str | None, protocol: str | None, agent: str = USER_AGENT
) -> _rpc.Json:
    """The parameters of `signalwire.connect`; with a state, for a resume."""
    params: dict[str, object] = {
        "version": _VERSION,
        "event_acks": True,
        "agent": agent,
        "authentication": {"jwt_token": token},
        "contexts": [],
        "eventing": [],
        "topics": [],
        "dpop_token": proof,
    }
    if state is not None:
        params |= {"authorization_state": state, "protocol": protocol}
    return params


def reauthenticate_params(project: str, token: str, proof: str) -> _rpc.Json:
    """The parameters of `signalwire.reauthenticate`."""
    return {"authentication": {"project": project, "jwt_token": token}, "dpop_token": proof}


def answer_to(request: _rpc.Request, identity: str | int) -> str:
    """Answer a request of the gateway."""
    if request.method == PING:
        return _rpc.answer(identity, {"timestamp": request.params.get("timestamp")})
    if request.method in (EVENT, DISCONNECT):
        return _rpc.answer(identity, {})
    return _rpc.refuse(identity, _rpc.UNKNOWN_METHOD, "unknown method")


def state_in(event: _rpc.Json, protocol: str | None) -> str | None:
    """The resume state in an event of this session; `None` for other events."""
    channel, params = event.get("event_channel"), event.get("params")
    if event.get("event_type") != _STATE_EVENT or not isinstance(params, dict):
        return None
    if channel is not None and not (isinstance(channel, str) and protocol and protocol in channel):
        return None
    state = params.get("authorization_state")
    return state if isinstance(state, str) and state else None


def wants_fresh_start(refusal: _rpc.Refusal) -> bool:
    """Whether a resume was refused such that a fresh connect is needed."""
    return refusal.code in _RESUME_REFUSED or refusal.message == _RESUME_REFUSED_MESSAGE


def wants_other_credential(refusal: _rpc.Refusal) -> bool:
    """Whether a fresh connect was refused because of its token or proof."""
    return refusal.code == _AUTHENTICATION


def is_final(refusal: _rpc.Refusal) -> bool:
    """Whether a fresh connect was refused permanently, for any credential."""
    return refusal.code in _FINAL_CODES


def read_authorization(result: object) -> Authorization | None:
    """Parse the authorization of a result; `None` if it has none."""
    found = result.get("authorization") if isinstance(result, dict) else None
    project = found.get("project_id") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(project, str):
        return None
    holder, scope = found.get("fabric_subscriber"), found.get("scope")
    members = holder if isinstance(holder, dict) else {}
    subscriber, ends = members.get("subscriber_id"), members.get("expires_at")
    return Authorization(
        project_id=project,
        subscriber_id=subscriber if isinstance(subscriber, str) else None,
        scope=tuple(str(one) for one in scope) if isinstance(scope, list) else (),
        expires_at=ends if type(ends) is int else None,
    )
