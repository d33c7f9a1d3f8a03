"""The suite notices what it is there to notice."""

import asyncio
import socket
import struct
from pathlib import Path
from typing import Final

import pytest

from tests.kit.wire_answers import read_answers
from tests.kit.wire_cases import Case, Expected, expand, forms, load_cases
from tests.kit.wire_checks import Exchange, decide_rotation
from tests.kit.wire_client import WireClient

CASES: Final = load_cases(Path(__file__).with_name("cases"))
BAD_REQUEST: Final = b'{"error":"Bad Request"}'


def answer(status: int, body: bytes = b"{}", request_id: str = "a", *fields: str) -> bytes:
    lines = (
        f"HTTP/1.1 {status} Reason",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-Request-Id: {request_id}",
        *fields,
    )
    return "\r\n".join([*lines, "", ""]).encode() + body


def further(request_id: str = "z") -> bytes:
    """The answer to the request that follows a case."""
    return answer(200, b"{}", request_id, "Connection: close")


def refusal(*fields: str) -> bytes:
    return answer(400, BAD_REQUEST, "a", *(fields or ("Connection: close",)))


def verdict(case: Case, received: bytes, *, closed: bool = True, given: bool = True) -> list[str]:
    answers, malformed = read_answers(received, ended=True)
    return decide_rotation(case, Exchange(tuple(answers), closed, malformed), given=given)


def a_case(after: str, *expected: Expected, segmented: str = "") -> Case:
    return Case("a-case", "RFC 9112", ("GET",), expected, after, segmented)


OPEN: Final = a_case("open", Expected((200,)))
CLOSED: Final = a_case("closed", Expected((400, 501)))
HEAD: Final = answer(200)[: -len(b"{}")]


@pytest.mark.parametrize(
    ("case", "received"),
    [
        (OPEN, answer(200) + further()),
        (CLOSED, refusal()),
        (a_case("open"), further()),
        (a_case("open", Expected((200,), body=False)), HEAD + further()),
        (a_case("any", Expected((200,), body=False)), HEAD),
        (a_case("any", Expected((100,)), Expected((200,))), b"HTTP/1.1 100 \r\n\r\n" + answer(200)),
        (a_case("any", Expected((100,), optional=True), Expected((200,))), answer(200)),
        (a_case("any", Expected((200,), header=("x-request-id", "==", "a"))), answer(200)),
        (a_case("any", Expected((200,), header=("allow", "==", None))), answer(200)),
    ],
)
def test_right_answers_have_no_problem(case: Case, received: bytes) -> None:
    assert verdict(case, received) == []


@pytest.mark.parametrize(
    ("case", "received", "problem"),
    [
        (OPEN, answer(200), "no further request is served"),
        (OPEN, answer(200) + answer(200, b"{}", "b") + further(), "answered [200, 200]"),
        (OPEN, answer(404, BAD_REQUEST) + further(), "answered [404]"),
        (OPEN, answer(200) + further("a"), "two answers with one X-Request-Id"),
        (OPEN, answer(200, b"{}", "a", "Connection: close") + further(), "not the last"),
        (OPEN, answer(200, b"{}", "a", "X-Request-Id: b") + further(), "without one X-Request-Id"),
        (CLOSED, b"", "answered []"),
        (CLOSED, refusal("X: a"), "closes without Connection: close"),
        (CLOSED, refusal() + answer(200, b"{}", "b"), "answered [400, 200]"),
        (CLOSED, refusal() + b"surplus", "an incomplete head"),
        (CLOSED, refusal() + b"surplus\r\n\r\n", "not an answer"),
        (CLOSED, refusal()[:-1], "a 400 that is incomplete"),
        (CLOSED, answer(400, b"Bad Request"), "without the shape of an error"),
        (CLOSED, answer(400, b'{"error":"a","b":1}'), "without the shape of an error"),
        (CLOSED, answer(400, b'{"errors":[{"code":"a"}]}'), "without the shape of an error"),
        (CLOSED, refusal().replace(b"application/json", b"text/html"), "not application/json"),
        (CLOSED, refusal().replace(b"Content-Length", b"X-Length"), "one Content-Length"),
        (CLOSED, refusal().replace(b"Content-Type:", b"Content-Type"), "malformed field line"),
        (CLOSED, refusal().replace(b"HTTP/1.1 400", b"HTTP/1.0 400"), "not an answer"),
        (a_case("any", Expected((200,), contains="b")), answer(200), "without 'b'"),
        (a_case("any", Expected((200,), body=False)), answer(200), "must have none"),
        (a_case("any", Expected((100,)), Expected((200,))), answer(200), "answered [200]"),
        (a_case("any", Expected((200,), header=("date", "!=", None))), answer(200), "with date []"),
    ],
)
def test_wrong_answers_have_a_problem(case: Case, received: bytes, problem: str) -> None:
    assert [one for one in verdict(case, received) if problem in one]


def test_connection_that_is_not_closed_is_a_problem() -> None:
    assert verdict(CLOSED, refusal(), closed=False) == ["the connection is not closed"]


def test_interim_answer_may_be_missing_in_other_forms_where_the_case_says_so() -> None:
    case = a_case("any", Expected((100,)), Expected((200,)), segmented="for a reason")
    assert verdict(case, answer(200), given=False) == []
    assert verdict(case, answer(200)) != []


def test_forms_of_a_case_are_the_same_bytes_and_the_same_in_every_run() -> None:
    for case in CASES:
        made = list(forms(case, "Z29vZA=="))
        assert len({b"".join(form.pieces) for form in made}) == 1, case.name
        assert all(form.pieces and all(form.pieces) for form in made), case.name
        assert made == list(forms(case, "Z29vZA==")), case.name


def test_braces_are_expanded_from_the_innermost_on() -> None:
    assert expand('{{ab*2}c*3}{"a":"{GOOD}"}\u00e9', "x") == b'ababcababcababc{"a":"x"}\xe9'


async def test_answer_is_read_though_the_connection_is_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = await WireClient.connect(*listening.getsockname())
        server, _ = listening.accept()
        server.sendall(refusal())
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.close()
        for _ in range(3):
            await client.send(b"more")
        async with asyncio.timeout(10):
            await client.wait_for(lambda: client.closed, 5)
        await client.close()
    assert client.received == refusal()
