"""The short form of `make fuzz`, and whether it would see what it looks for."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from random import Random
from uuid import UUID

import pytest
import structlog

from satmint.dpop import _rfc9449
from satmint.flows import callers
from satmint.gateway.protocol import Connection, Send, connection
from satmint.gateway.protocol.connection import Step
from satmint.gateway.protocol.frames import Request, result
from satmint.http import edge
from satmint.jose.sealing import CannotOpen, Opened, Opener
from satmint.model.claims import TokenType
from satmint.model.secrets import digest
from tests.proof.fuzz import running
from tests.proof.fuzz.running import SHARES, TARGETS, Chunk, chunks, quiet, run_chunk
from tests.proof.fuzz.targets import ACCEPTED, Found, Target

SIZES = {"tokens": 4000, "proofs": 2000, "bodies": 500, "headers": 1000, "frames": 2000}


@pytest.fixture(autouse=True)
def _no_logs() -> Iterator[None]:
    before = structlog.get_config()
    quiet()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_spoiled_is_accepted_and_nothing_breaks(target: str) -> None:
    report = run_chunk(Chunk(target, "short", 0, SIZES[target]))
    assert report.found == []
    assert report.inputs == report.outcomes.total() == SIZES[target]
    assert report.outcomes[ACCEPTED] > 0, "or it would not be known whether anything can be"
    assert len(report.outcomes) > 8, "or it does not reach behind the first checks"


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_chunk_is_the_same_in_every_run(target: str) -> None:
    one, other = (run_chunk(Chunk(target, "same", 3, 200)) for _ in range(2))
    assert one.outcomes == other.outcomes
    assert one.outcomes != run_chunk(Chunk(target, "same", 4, 200)).outcomes


def test_all_inputs_are_shared_out() -> None:
    made = chunks(100_000, "seed", 7000)
    assert sum(chunk.size for chunk in made) == 100_000
    assert len({(chunk.target, chunk.number) for chunk in made}) == len(made)
    assert {chunk.target for chunk in made} == SHARES.keys() == TARGETS.keys()


class Broken(Target):
    """Does everything that a target must not, in turns."""

    name = "broken"

    async def attempt(self, dice: Random) -> str:
        match dice.randrange(4):
            case 0:
                raise Found("accepted")
            case 1:
                raise KeyError("a bug")
            case 2:
                while True:
                    pass
            case _:
                return ACCEPTED


def test_wrong_answers_bugs_and_hangs_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "HANG_SECONDS", 0.01)
    monkeypatch.setitem(TARGETS, "broken", Broken)
    report = run_chunk(Chunk("broken", "seed", 0, 40))
    ends = {found.partition(": ")[2] for found in report.found}
    assert ends == {"accepted", "a bug: KeyError('a bug')", "a hang"}
    assert len(report.found) + report.outcomes[ACCEPTED] == report.inputs == 40
    assert "WRONG accepted" not in "\n".join(report.lines())
    assert f"{len(report.found)} WRONG" in next(report.lines())


Spoil = Callable[[pytest.MonkeyPatch], None]


def no_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_rfc9449, "_check_time", lambda *_: None)


def no_hash_of_the_token(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_rfc9449, "_check_ath", lambda *_, **__: None)


def no_target(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_rfc9449, "_names", lambda *_: True)


def no_type(patch: pytest.MonkeyPatch) -> None:
    def open_as_what_it_is(self: Opener, token: str, typ: TokenType) -> Opened:
        try:
            return before(self, token, typ)
        except CannotOpen:
            return before(self, token, next(other for other in TokenType if other is not typ))

    before = Opener.open
    patch.setattr(Opener, "open", open_as_what_it_is)


def no_admission(patch: pytest.MonkeyPatch) -> None:
    def done(line: Connection, request: Request) -> Step:
        if line.admission is not None:
            return before(line, request)
        return line, (Send(result(request.id, {})),)

    before = connection._METHODS["subscriber.online"]
    patch.setitem(connection._METHODS, "subscriber.online", done)


def no_strict_json(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(edge, "read_object", lambda data: dict(json.loads(data)))


def no_whole_password(patch: pytest.MonkeyPatch) -> None:
    def beginning(authorization: bytes) -> tuple[UUID, bytes] | None:
        shown = b64decode(authorization.partition(b" ")[2] + b"==").decode("latin-1")
        user, _, password = shown.partition(":")
        return (UUID(user), digest(password[:50])) if len(user) == 36 else None

    patch.setattr(callers, "_basic_credentials", beginning)


@pytest.mark.parametrize(
    ("target", "size", "spoil"),
    [
        ("tokens", 500, no_type),
        ("proofs", 1000, no_time),
        ("proofs", 1000, no_hash_of_the_token),
        ("proofs", 1000, no_target),
        ("bodies", 200, no_strict_json),
        ("headers", 300, no_whole_password),
        ("frames", 300, no_admission),
    ],
)
def test_a_check_that_is_missing_is_found(
    monkeypatch: pytest.MonkeyPatch, target: str, size: int, spoil: Spoil
) -> None:
    spoil(monkeypatch)
    assert run_chunk(Chunk(target, "mutant", 0, size)).found != []
