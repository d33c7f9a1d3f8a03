"""Answers that no application gives: their bytes, their counts, their log lines."""

from collections import Counter
from http import HTTPStatus
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from satmint.http.statuses import CODE_OF_STATUS, plain_error
from satmint.server.date_field import DateField
from satmint.server.refusals import Refusals, phrase
from tests.kit.clock import FrozenClock
from tests.kit.entropy import SeededEntropy
from tests.server.running_server import Answer, read_answers

ADDRESS: Final = "192.0.2.1"
DATE: Final = "Tue, 14 Nov 2023 22:13:20 GMT"
STATUSES: Final = [
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UPGRADE_REQUIRED,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.NOT_IMPLEMENTED,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
]


class RefusalsUnderTest:
    """Refusals whose time a test decides."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.counts: Counter[tuple[int, str]] = Counter()
        self.refusals = Refusals(
            SeededEntropy(), self._count, lambda: self.now, DateField(FrozenClock().now)
        )

    def _count(self, status: HTTPStatus, cause: str) -> None:
        self.counts[status.value, cause] += 1

    def refuse(self, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Answer:
        """The answer, whole and alone."""
        (answer,) = read_answers(self.refusals.refuse(status, "a_cause", ADDRESS))
        return answer

    def note(self, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        self.refusals.record(status, "a_cause", ADDRESS)

    def logged(self, count: int) -> list[dict[str, Any]]:
        """The log lines of so many refusals."""
        with capture_logs() as lines:
            for _ in range(count):
                self.refuse()
        return [dict(line) for line in lines]


@pytest.fixture
def refusals() -> RefusalsUnderTest:
    return RefusalsUnderTest()


@pytest.mark.parametrize("status", STATUSES)
def test_refusal_is_an_error_of_the_contract(refusals: RefusalsUnderTest, status: int) -> None:
    answer = refusals.refuse(HTTPStatus(status))
    assert answer.status == status
    assert answer.body == b'{"error":"%b"}' % answer.reason
    assert answer.fields["content-type"] == "application/json"
    assert answer.fields["connection"] == "close"
    assert answer.fields["date"] == DATE
    assert len(answer.fields["x-request-id"]) == 24


@pytest.mark.parametrize("status", STATUSES)
def test_page_of_any_origin_may_read_a_refusal(refusals: RefusalsUnderTest, status: int) -> None:
    assert refusals.refuse(HTTPStatus(status)).fields["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("status", STATUSES)
def test_refusal_says_what_the_application_would_say(
    refusals: RefusalsUnderTest, status: int
) -> None:
    """A status without a code could not be counted either."""
    assert refusals.refuse(HTTPStatus(status)).body == plain_error(CODE_OF_STATUS[status]).body


def test_answer_says_when_to_come_back_and_how_to_upgrade(refusals: RefusalsUnderTest) -> None:
    more = ("retry-after", "upgrade", "sec-websocket-version")
    for status in STATUSES:
        fields = refusals.refuse(status).fields
        expected = {
            HTTPStatus.SERVICE_UNAVAILABLE: {"retry-after": "1"},
            HTTPStatus.UPGRADE_REQUIRED: {"upgrade": "websocket", "sec-websocket-version": "13"},
        }.get(status, {})
        assert {name: fields[name] for name in more if name in fields} == expected


def test_phrase_is_that_of_the_contract() -> None:
    assert phrase(HTTPStatus.REQUEST_ENTITY_TOO_LARGE) == b"Payload Too Large"
    assert phrase(HTTPStatus.NOT_FOUND) == b"Not Found"


def test_refusal_is_counted_with_its_status_and_its_cause(refusals: RefusalsUnderTest) -> None:
    refusals.refuse(HTTPStatus.BAD_REQUEST)
    refusals.refuse(HTTPStatus.BAD_REQUEST)
    refusals.refuse(HTTPStatus.REQUEST_TIMEOUT)
    refusals.note(HTTPStatus.SERVICE_UNAVAILABLE)
    assert refusals.counts == {(400, "a_cause"): 2, (408, "a_cause"): 1, (503, "a_cause"): 1}


def test_refusal_is_logged_with_the_id_that_its_answer_carries(
    refusals: RefusalsUnderTest,
) -> None:
    with capture_logs() as lines:
        answers = [refusals.refuse(HTTPStatus.REQUEST_TIMEOUT) for _ in range(2)]
    assert lines == [
        {
            "event": "request_refused",
            "log_level": "info",
            "status": 408,
            "cause": "a_cause",
            "address": ADDRESS,
            "request_id": answer.fields["x-request-id"],
        }
        for answer in answers
    ]
    assert lines[0]["request_id"] != lines[1]["request_id"]


def test_connection_that_is_closed_without_an_answer_is_logged_without_an_id(
    refusals: RefusalsUnderTest,
) -> None:
    with capture_logs() as lines:
        refusals.note(HTTPStatus.SERVICE_UNAVAILABLE)
    assert [(line["status"], line["request_id"]) for line in lines] == [(503, None)]


def test_log_has_ten_lines_a_second_and_says_how_many_it_left_out(
    refusals: RefusalsUnderTest,
) -> None:
    assert ["suppressed" in line for line in refusals.logged(25)] == [False] * 10
    refusals.now += 0.9
    assert refusals.logged(5) == []
    refusals.now += 0.1
    lines = refusals.logged(3)
    assert [line.get("suppressed") for line in lines] == [20, None, None]
    assert refusals.counts[400, "a_cause"] == 33


def test_what_was_left_out_is_said_whenever_the_next_line_comes(
    refusals: RefusalsUnderTest,
) -> None:
    refusals.logged(11)
    refusals.now += 3600
    assert [line.get("suppressed") for line in refusals.logged(2)] == [1, None]
    refusals.now += 1
    assert [line.get("suppressed") for line in refusals.logged(1)] == [None]
