"""Filters of lists: what each takes, and the error that names it."""

from enum import StrEnum
from typing import Final
from uuid import UUID

import pytest

from satmint.http.call import Call
from satmint.http.filters import (
    read_boolean,
    read_choice,
    read_choices,
    read_fingerprint,
    read_id,
    read_revocation_query,
    read_subscriber,
    read_text,
    read_time_parameter,
    subscriber_parameter,
    time_parameter,
)
from satmint.model.refusals import Code, FieldError, Unprocessable
from tests.kit.clock import NOW
from tests.kit.service import ORIGIN, Server

NAME: Final = "page_kind"
THUMBPRINT: Final = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


class Fruit(StrEnum):
    """An enumeration of these tests."""

    APPLE = "apple"
    PEAR = "pear"


def told(message: str) -> list[FieldError]:
    """The errors of which the only one says so."""
    return [FieldError(Code.INVALID_PARAMETER, f"Page Kind {message}", NAME)]


@pytest.mark.parametrize(
    ("query", "found", "errors"),
    [
        ({}, None, []),
        ({NAME: "apple"}, Fruit.APPLE, []),
        ({NAME: "pear"}, Fruit.PEAR, []),
        ({NAME: "plum"}, None, told("must be one of: apple, pear")),
        ({NAME: ""}, None, told("must be one of: apple, pear")),
    ],
)
def test_choice_is_one_of_its_words(
    query: dict[str, str], found: Fruit | None, errors: list[FieldError]
) -> None:
    seen: list[FieldError] = []
    assert read_choice(query, NAME, Fruit, seen) is found
    assert seen == errors


SEVERAL: Final = told("must be one or several of these, separated by commas: apple, pear")


@pytest.mark.parametrize(
    ("query", "found", "errors"),
    [
        ({}, (), []),
        ({NAME: "pear"}, (Fruit.PEAR,), []),
        ({NAME: "pear,apple"}, (Fruit.APPLE, Fruit.PEAR), []),
        ({NAME: "pear,plum"}, (), SEVERAL),
        ({NAME: ""}, (), SEVERAL),
    ],
)
def test_choices_are_several_of_its_words(
    query: dict[str, str], found: tuple[Fruit, ...], errors: list[FieldError]
) -> None:
    seen: list[FieldError] = []
    assert read_choices(query, NAME, Fruit, seen) == frozenset(found)
    assert seen == errors


@pytest.mark.parametrize(
    ("query", "found", "errors"),
    [
        ({}, None, []),
        ({NAME: "true"}, True, []),
        ({NAME: "false"}, False, []),
        ({NAME: "yes"}, None, told("must be one of: true, false")),
    ],
)
def test_boolean_is_true_or_false(
    query: dict[str, str], found: bool | None, errors: list[FieldError]
) -> None:
    seen: list[FieldError] = []
    assert read_boolean(query, NAME, seen) is found
    assert seen == errors


TIME: Final = told("must be a time such as 2026-12-01T08:30:00Z, or Unix seconds")


@pytest.mark.parametrize(
    ("query", "found", "errors"),
    [
        ({}, None, []),
        ({NAME: "0"}, 0, []),
        ({NAME: "2023-11-14T22:13:20Z"}, NOW, []),
        ({NAME: str(NOW)}, NOW, []),
        ({NAME: "yesterday"}, None, TIME),
        ({NAME: ""}, None, TIME),
    ],
)
def test_time_is_rfc_3339_or_unix_seconds(
    query: dict[str, str], found: int | None, errors: list[FieldError]
) -> None:
    seen: list[FieldError] = []
    assert read_time_parameter(query, NAME, seen) == found
    assert seen == errors


@pytest.mark.parametrize(
    ("query", "found", "errors"),
    [
        ({}, None, []),
        ({NAME: str(UUID(int=7))}, UUID(int=7), []),
        ({NAME: "7"}, None, told("must be a UUID")),
    ],
)
def test_id_is_a_uuid(query: dict[str, str], found: UUID | None, errors: list[FieldError]) -> None:
    seen: list[FieldError] = []
    assert read_id(query, NAME, seen) == found
    assert seen == errors


@pytest.mark.parametrize(
    ("query", "found", "errors"),
    [
        ({}, None, []),
        ({NAME: THUMBPRINT}, THUMBPRINT, []),
        ({NAME: THUMBPRINT[1:]}, None, told("must be an RFC 7638 SHA-256 thumbprint")),
    ],
)
def test_fingerprint_is_a_thumbprint(
    query: dict[str, str], found: str | None, errors: list[FieldError]
) -> None:
    seen: list[FieldError] = []
    assert read_fingerprint(query, NAME, seen) == found
    assert seen == errors


@pytest.mark.parametrize(
    ("query", "found", "errors"),
    [
        ({}, None, []),
        ({NAME: " "}, " ", []),
        ({NAME: ""}, None, told("must not be empty")),
    ],
)
def test_text_is_anything_but_empty(
    query: dict[str, str], found: str | None, errors: list[FieldError]
) -> None:
    seen: list[FieldError] = []
    assert read_text(query, NAME, seen) == found
    assert seen == errors


async def test_subscriber_is_named_by_id_or_reference(server: Server) -> None:
    subscriber = UUID((await server.sign_in("alice@example.com"))["subscriber_id"])
    unknown = UUID(int=7)
    seen: list[FieldError] = []
    for query, found in (
        ({}, None),
        ({NAME: str(subscriber)}, subscriber),
        ({NAME: "alice@example.com"}, subscriber),
        ({NAME: str(unknown)}, unknown),  # it may have been deleted
    ):
        project = server.tenant.id
        assert await read_subscriber(server.services, project, query, NAME, seen) == found
        assert seen == []


async def test_reference_of_nobody_is_an_error(server: Server) -> None:
    seen: list[FieldError] = []
    query = {NAME: "bob@example.com"}
    assert await read_subscriber(server.services, server.tenant.id, query, NAME, seen) is None
    assert seen == told(
        "must be the id or the reference of a subscriber of this project;"
        " name a deleted subscriber by its id"
    )


def a_revocation(query: bytes, **headers: bytes) -> Call:
    return Call(
        {},
        query,
        ORIGIN,
        {name.replace("_", "-").encode(): value for name, value in headers.items()},
    )


def test_revocation_takes_the_filters_that_it_knows() -> None:
    for headers in ({}, {"content_length": b"0"}, {"content_length": b" 0 "}):
        call = a_revocation(b"kind=guest", **headers)
        assert read_revocation_query(call, ("kind", "since")) == {"kind": "guest"}
    assert read_revocation_query(a_revocation(b""), ("kind",)) == {}


UNKNOWN: Final = FieldError(Code.INVALID_PARAMETER, "Knid is not a known parameter", "knid")
BODY: Final = FieldError(
    Code.INVALID_PARAMETER, "Filters are parameters of the query, not of a body"
)


@pytest.mark.parametrize(
    ("query", "headers", "errors"),
    [
        (b"knid=guest", {}, (UNKNOWN,)),
        (b"kind=guest", {"content_length": b"2"}, (BODY,)),
        (b"kind=guest", {"transfer_encoding": b"chunked"}, (BODY,)),
        (b"knid=guest", {"content_length": b"2"}, (UNKNOWN, BODY)),
    ],
)
def test_revocation_with_a_filter_that_would_be_ignored_is_refused(
    query: bytes, headers: dict[str, bytes], errors: tuple[FieldError, ...]
) -> None:
    with pytest.raises(Unprocessable) as refusal:
        read_revocation_query(a_revocation(query, **headers), ("kind",))
    assert refusal.value.field_errors == errors


def test_parameters_are_described_as_they_are_read() -> None:
    assert time_parameter("Opened then or later.") == {
        "type": "string",
        "description": "Opened then or later. RFC 3339, or Unix seconds.",
    }
    described = subscriber_parameter("Only of this one.")
    assert (described["type"], described["minLength"]) == ("string", 1)
    assert described["description"].startswith("Only of this one. An id or a reference")
