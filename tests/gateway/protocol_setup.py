"""What tests of the protocol begin with, and how they look at what came of it."""

import json
from typing import Any, Final
from uuid import UUID

from satmint.gateway.protocol import (
    Admitted,
    ClockReading,
    ConnectionState,
    Effect,
    Input,
    Phase,
    Received,
    Send,
    initial_state,
    step,
)
from satmint.model.claims import Kind, TokenType, token_id
from satmint.model.live import Admission, ResumeState
from tests.kit.clock import NOW

PROJECT: Final = UUID("11111111-0000-4000-8000-000000000000")
SUBSCRIBER: Final = UUID("22222222-0000-4000-8000-000000000000")
SESSION: Final = UUID("33333333-0000-4000-8000-000000000000")


def admission() -> Admission:
    """Somebody who was let in, for two hours."""
    return Admission(
        project=PROJECT,
        subscriber=SUBSCRIBER,
        session=SESSION,
        epoch=0,
        kind=Kind.SUBSCRIBER,
        jti=token_id(SESSION, 0, TokenType.SAT),
        expires_at=NOW + 7200,
    )


def resume_state(*, online: bool = False) -> ResumeState:
    """Where the same somebody left off."""
    return ResumeState(PROJECT, SUBSCRIBER, SESSION, "x_1_2", online, NOW + 7500)


START: Final = ClockReading(NOW, 100.0)
ID: Final = UUID("6b4f4a5e-0000-4000-8000-000000000001")
Effects = tuple[Effect, ...]


def frame(method: str, params: object = None, **members: object) -> Received:
    body = {
        "jsonrpc": "2.0",
        "id": "r",
        "method": method,
        "params": {} if params is None else params,
    }
    return Received(json.dumps({**body, **members}))


def connect(**params: object) -> Received:
    return frame("signalwire.connect", {"authentication": {"jwt_token": "sat"}, **params})


def reauthenticate(**params: object) -> Received:
    given = {"authentication": {"project": "p", "jwt_token": "newer"}, **params}
    return frame("signalwire.reauthenticate", given)


def played(
    connection: ConnectionState, *events: Input, at: ClockReading = START
) -> tuple[ConnectionState, Effects]:
    """The connection after `events`, and the effects of the last of them."""
    effects: Effects = ()
    for event in events:
        connection, effects = step(connection, event, at)
    return connection, effects


def waiting() -> ConnectionState:
    return initial_state(ID, START)


def live(who: Admission | None = None, resumed: ResumeState | None = None) -> ConnectionState:
    connection, _ = played(waiting(), connect(), Admitted(who or admission(), resumed))
    assert connection.phase is Phase.CONNECTED
    return connection


def online() -> ConnectionState:
    connection, _ = played(live(), frame("subscriber.online"))
    assert connection.online
    return connection


def texts(effects: Effects) -> list[Any]:
    return [json.loads(effect.text) for effect in effects if isinstance(effect, Send)]


def error(effects: Effects) -> tuple[object, int, str]:
    """Id, code and message of the one frame that was sent."""
    (told,) = texts(effects)
    assert told.keys() == {"jsonrpc", "id", "error"}
    return told["id"], told["error"]["code"], told["error"]["message"]
