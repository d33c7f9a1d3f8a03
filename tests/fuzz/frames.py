"""Frames, at the gateway's protocol machine."""

import json
from pathlib import Path
from random import Random
from typing import Any, Final

from satmint.gateway.protocol import (
    Admitted,
    Authenticate,
    ClockReading,
    Close,
    ConnectionState,
    DenialReason,
    Denied,
    Phase,
    Received,
    ReceivedBytes,
    Send,
    step,
)
from tests.fuzz.mutations import ODD_TEXTS, as_json, spoil, spoil_members, value
from tests.fuzz.targets import ACCEPTED, Found, Target
from tests.gateway.protocol_setup import START, admission, live, online, waiting
from tests.gateway.test_protocol_properties import CODES

METHODS: Final = (
    *("signalwire.connect", "signalwire.reauthenticate", "subscriber.online"),
    *("subscriber.offline", "signalwire.ping", "webrtc.verto", "verto.invite", "calling.dial"),
)
FRAME_NAMES: Final = ("jsonrpc", "id", "method", "params", "result", "error")
PARAM_NAMES: Final = (
    *("authentication", "dpop_token", "authorization_state", "protocol", "version", "agent"),
    *("event_acks", "contexts", "eventing", "topics"),
)
ERRORS: Final = ("replace", "surrogateescape")
"""How bytes that are no UTF-8 become text; the latter leaves odd characters in it."""
RIGHT: Final = "jwt.that.is..right"


class Frames(Target):
    """Each is answered, none ends the connection, and nobody is let in by what a frame says."""

    name = "frames"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._starts: list[ConnectionState] = [waiting(), live(), online()]
        self._seeds = [self._frame(method).encode() for method in METHODS]

    async def attempt(self, dice: Random) -> str:
        """See `Target.attempt`."""
        connection, said, good = dice.choice(self._starts), "", False
        for _ in range(dice.choice((1, 1, 3))):
            text, was = self._text(dice), connection.phase
            event = ReceivedBytes() if dice.random() < 0.02 else Received(text)
            at = ClockReading(START.wall, START.monotonic + dice.randrange(3))
            connection, effects = step(connection, event, at)
            said = self._decide(text, connection, effects)
            if connection.phase is not was:
                raise Found(f"from {was} to {connection.phase} by {text!r}")
            if any(isinstance(effect, Authenticate) for effect in effects):
                connection, good = self._answered(dice, connection, at)
                said = ACCEPTED if good else "a credential that was judged, and refused"
        return said

    def _answered(
        self, dice: Random, connection: ConnectionState, at: ClockReading
    ) -> tuple[ConnectionState, bool]:
        """The verdict upon a credential, as whoever judges it might give it, and which it was."""
        good = dice.random() < 0.2
        verdict = Admitted(admission(), None) if good else Denied(dice.choice(list(DenialReason)))
        connection, effects = step(connection, verdict, at)
        sent = [json.loads(effect.text) for effect in effects if isinstance(effect, Send)]
        if any("result" in frame for frame in sent) is not good:
            raise Found(f"{sent} upon {verdict}")
        return connection, good

    def _decide(self, text: str, connection: ConnectionState, effects: tuple[Any, ...]) -> str:
        said = "awaits a verdict" if connection.pending is not None else "no answer is due"
        for effect in effects:
            if isinstance(effect, Close):
                raise Found(f"closed upon {text!r}")
            if isinstance(effect, Send):
                frame = json.loads(effect.text)
                if "error" in frame:
                    if frame["error"]["code"] not in CODES:
                        raise Found(f"{frame} upon {text!r}")
                    said = f"{frame['error']['code']} {frame['error']['message']}"
                elif "result" in frame:
                    if connection.phase is not Phase.CONNECTED or frame["result"] != {}:
                        raise Found(f"{frame} upon {text!r}")
                    said = "done, for who is let in"
        return said

    def _text(self, dice: Random) -> str:
        method = dice.choice(METHODS)
        match dice.randrange(8):
            case 0:
                return self._frame(method)
            case 1 | 2:
                return spoil(dice, dice.choice(self._seeds), self._seeds).decode("latin-1")
            case 3:
                return as_json(dice, value(dice)).decode("utf-8", dice.choice(ERRORS))
            case 4 | 5:
                frame = spoil_members(dice, json.loads(self._frame(method)), FRAME_NAMES)
            case _:
                frame = json.loads(self._frame(method))
                frame["params"] = spoil_members(dice, frame["params"], PARAM_NAMES)
                if dice.random() < 0.2:
                    frame["params"]["authentication"] = {"jwt_token": dice.choice(ODD_TEXTS)}
        return as_json(dice, frame).decode("utf-8", "replace")

    def _frame(self, method: str) -> str:
        params: dict[str, Any] = {"authentication": {"jwt_token": RIGHT}, "dpop_token": "a.b.c"}
        return json.dumps({"jsonrpc": "2.0", "id": "r", "method": method, "params": params})
