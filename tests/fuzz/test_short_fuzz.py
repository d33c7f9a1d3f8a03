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
from satmint.gateway.protocol import ConnectionState, Send, connection_state
from satmint.gateway.protocol.connection_state import Step
from satmint.gateway.protocol.frames import Request, result
from satmint.http import application
from satmint.jose.token_cipher import CannotOpen, OpenedToken, TokenOpener
from satmint.model.claims import TokenType
from satmint.server.requests import RequestReader
from tests.fuzz import __main__ as command
from tests.fuzz import faults, faulty_readers, running, sockets, stream_mutations
from tests.fuzz.running import SHARES, TARGETS, Chunk, chunks, quiet, run_chunk
from tests.fuzz.stream_comparison import check_reference, check_split
from tests.fuzz.stream_reading import read
from tests.fuzz.stream_reference import read_reference
from tests.fuzz.stream_seeds import HOST, WIRE_CASES, request
from tests.fuzz.streams import Streams
from tests.fuzz.targets import ACCEPTED, Found, Target

SIZES = {
    "tokens": 4000,
    "proofs": 2000,
    "bodies": 500,
    "headers": 1000,
    "frames": 2000,
    "streams": 4000,
    "sockets": 400,
}


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
    assert (one.found, other.found) == ([], [])
    assert one.outcomes == other.outcomes
    assert one.outcomes != run_chunk(Chunk(target, "same", 4, 200)).outcomes


def test_all_inputs_are_shared_out() -> None:
    made = chunks(100_000, "seed", 7000)
    assert sum(chunk.size for chunk in made) == 200_500
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
    patch.setattr(_rfc9449, "_names_target", lambda *_: True)


def no_type(patch: pytest.MonkeyPatch) -> None:
    def open_as_what_it_is(self: TokenOpener, token: str, typ: TokenType) -> OpenedToken:
        try:
            return before(self, token, typ)
        except CannotOpen:
            return before(self, token, next(other for other in TokenType if other is not typ))

    before = TokenOpener.open
    patch.setattr(TokenOpener, "open", open_as_what_it_is)


def no_admission(patch: pytest.MonkeyPatch) -> None:
    def done(line: ConnectionState, request: Request) -> Step:
        if line.admission is not None:
            return before(line, request)
        return line, (Send(result(request.id, {})),)

    before = connection_state._METHODS["subscriber.online"]
    patch.setitem(connection_state._METHODS, "subscriber.online", done)


def no_strict_json(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(application, "read_object", lambda data: dict(json.loads(data)))


def no_whole_password(patch: pytest.MonkeyPatch) -> None:
    def beginning(authorization: bytes) -> callers._BasicCredentials | None:
        shown = b64decode(authorization.partition(b" ")[2] + b"==").decode("latin-1")
        user, _, password = shown.partition(":")
        if len(user) != 36:
            return None
        return callers._BasicCredentials(UUID(user), password[:50])

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


def found_within(target: str, size: int) -> bool:
    """Whether anything is found among so many inputs; stops where it is."""
    piece = 20
    return any(
        run_chunk(Chunk(target, "fault", number, piece)).found for number in range(size // piece)
    )


@pytest.mark.parametrize(
    "reader",
    [
        *(faulty_readers.TakesBareLf, faulty_readers.TakesLastLength),
        *(faulty_readers.TakesSignedLength, faulty_readers.TakesLastCoding),
        *(faulty_readers.TakesCodingBesideLength, faulty_readers.TakesFolds),
        *(faulty_readers.TakesSpaceBeforeColon, faulty_readers.TakesEmptyLines),
        *(faulty_readers.TakesTrailersAsHeaders, faulty_readers.GivesUpBodyAfterUpgrade),
        *(faulty_readers.LosesEndInTwoSegments, faulty_readers.LosesByte),
        *(faulty_readers.ForgetsClose, faulty_readers.RefusesTooMuch, faulty_readers.Breaks),
    ],
)
def test_a_reader_with_a_mistake_is_found(
    monkeypatch: pytest.MonkeyPatch, reader: type[RequestReader]
) -> None:
    monkeypatch.setattr(Streams, "make_reader", reader)
    assert found_within("streams", SIZES["streams"])


@pytest.mark.parametrize(
    "spoil",
    [
        *(faults.takes_any_host, faults.keeps_host_beside_absolute_form),
        *(faults.takes_any_extension, faults.takes_bare_lf_in_chunks),
        faults.looks_into_no_trailer,
    ],
)
def test_a_check_that_is_missing_from_the_reader_is_found(
    monkeypatch: pytest.MonkeyPatch, spoil: Spoil
) -> None:
    spoil(monkeypatch)
    assert found_within("streams", SIZES["streams"])


@pytest.mark.parametrize(
    "spoil",
    [faults.counts_cr_to_a_line, faults.has_no_limit_of_heads, faults.has_no_limit_of_framing],
)
def test_a_mistake_at_a_limit_is_found(monkeypatch: pytest.MonkeyPatch, spoil: Spoil) -> None:
    monkeypatch.setattr(stream_mutations, "_AT_A_LIMIT", 1.0)
    spoil(monkeypatch)
    assert found_within("streams", 1000)


def test_limits_are_the_same_in_any_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_mutations, "_AT_A_LIMIT", 1.0)
    report = run_chunk(Chunk("streams", "limits", 0, 200))
    assert report.found == []
    assert report.outcomes[ACCEPTED] > 0


def test_a_reader_that_looks_at_all_bytes_for_each_segment_is_found() -> None:
    stream = request(b"GET / HTTP/1.1", HOST, b"X: " + b"a" * 8000)
    segments = [stream[at : at + 1] for at in range(len(stream))]
    assert len(read(segments).complete()) == 1
    with pytest.raises(Found, match=f"s for {len(stream)} bytes in {len(stream)} segments"):
        read(segments, faulty_readers.LooksAgain)


@pytest.mark.parametrize(
    "spoil",
    [
        *(faults.goes_on_after_last_request, faults.takes_rest_of_body_for_request),
        *(faults.refuses_without_answer, faults.answers_twice, faults.sends_100_to_all),
    ],
)
def test_a_connection_with_a_mistake_is_found(
    monkeypatch: pytest.MonkeyPatch, spoil: Spoil
) -> None:
    monkeypatch.setattr(sockets, "SECONDS", 1.0)
    spoil(monkeypatch)
    assert found_within("sockets", SIZES["sockets"])


def test_what_was_found_can_be_tried_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Streams, "make_reader", faulty_readers.Breaks)
    found = run_chunk(Chunk("streams", command.SEED, 3, 400)).found[0]
    place = found.partition(": ")[0]
    assert command.try_one(*place.split(":")) == 1
    assert capsys.readouterr().out == f"{found}\n"
    monkeypatch.undo()
    assert command.try_one(*place.split(":")) == 0


@pytest.mark.parametrize("name", WIRE_CASES)
def test_each_wire_case_is_read_as_h11_reads_it(name: str) -> None:
    whole = read([WIRE_CASES[name]])
    check_reference(whole, read_reference(WIRE_CASES[name]))
    for cut in range(1, len(WIRE_CASES[name])):
        check_split(whole, read([WIRE_CASES[name][:cut], WIRE_CASES[name][cut:]]))
