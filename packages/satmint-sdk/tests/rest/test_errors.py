"""What an error says, and what it must not say."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint_sdk._secrets import SecretText, scrub
from satmint_sdk.rest import SignalWireRestError, SignalWireRestTransportError, errors
from satmint_sdk.testing import make_token

URL = "https://example.test/api/fabric/subscribers/tokens/refresh"
ENTRY = {
    "type": "validation_error",
    "code": "token_expired",
    "message": "Token has expired.",
    "attribute": "refresh_token",
    "url": "https://example.test/errors/token_expired",
}


def test_the_entries_of_a_422_are_parsed() -> None:
    error = SignalWireRestError(
        422, {"errors": [ENTRY, ENTRY | {"code": "token_invalid"}]}, URL, "POST"
    )
    assert error.errors == [ENTRY, ENTRY | {"code": "token_invalid"}]
    assert error.code == "token_expired"
    assert str(error) == (
        f"POST {URL} was answered 422: token_expired (refresh_token): Token has expired.; "
        "token_invalid (refresh_token): Token has expired."
    )


@pytest.mark.parametrize(
    "body",
    [None, [], "text", 5, {}, {"errors": None}, {"errors": {}}, {"errors": [1, None, {}, []]}],
)
def test_another_shape_has_no_entries_and_no_code(body: object) -> None:
    error = SignalWireRestError(422, body, URL)
    assert (error.errors, error.code) == ([], None)


def test_half_an_entry_is_filled_up() -> None:
    error = SignalWireRestError(422, {"errors": [{"code": "x", "attribute": 7}]}, URL)
    assert error.errors == [{"type": "", "code": "x", "message": "", "attribute": None, "url": ""}]


@pytest.mark.parametrize(
    "header", ["X-Request-Id", "x-request-id", "X-SignalWire-Request-Id", "request-id"]
)
def test_the_request_id_is_found_and_said(header: str) -> None:
    error = SignalWireRestError(401, {"error": "Unauthorized"}, URL, "GET", {header: "r-1"})
    assert error.request_id == "r-1"
    assert str(error) == f"GET {URL} was answered 401: Unauthorized (request id r-1)"


def test_no_answer_is_a_member_of_the_same_family() -> None:
    error = SignalWireRestTransportError("ConnectError: refused", URL, "POST")
    assert isinstance(error, SignalWireRestError)
    assert (error.status_code, error.headers, error.request_id) == (None, None, None)
    assert str(error) == f"POST {URL} got no answer: ConnectError: refused"


@pytest.mark.parametrize(
    "error",
    [
        SignalWireRestError(422, {"errors": [ENTRY]}, URL, "POST", {"x-request-id": "r"}),
        SignalWireRestTransportError("gone", URL, "POST"),
    ],
)
def test_an_error_survives_pickle_and_copy(error: SignalWireRestError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert twin.errors == error.errors


@pytest.mark.parametrize(
    "secret", [make_token("SAT"), make_token("Refresh"), "PT" + "0a" * 24, "c2c_" + "7f" * 16]
)
def test_a_token_in_an_answer_is_not_repeated(secret: str) -> None:
    bodies: list[Any] = [
        f'{{"token":"{secret}","refresh_tok',
        {"error": f"bad {secret}"},
        {"errors": [ENTRY | {"message": f"{secret} is bad"}], secret: [secret]},
    ]
    for body in bodies:
        error = SignalWireRestError(
            200, body, f"{URL}?token={secret}", "POST", {"x-request-id": secret}
        )
        for text in (str(error), repr(error), str(error.body), repr(error.errors), error.url):
            assert secret not in text
            assert secret[:24] not in text


def test_a_body_cannot_write_lines_of_its_own_into_a_log() -> None:
    error = SignalWireRestError(500, "boom\r\n2027-01-01 INFO all is well\x1b[2J", URL)
    assert "\n" not in str(error)
    assert "\x1b" not in str(error)


def test_a_long_body_is_cut_in_the_text_and_whole_in_the_body() -> None:
    error = SignalWireRestError(500, "x" * 10_000, URL)
    assert len(str(error)) < 700
    assert error.body == "x" * 10_000


def test_a_secret_does_not_print_itself() -> None:
    secret = SecretText("hush")
    assert f"{secret} {secret!r}" == "SecretText([hidden]) SecretText([hidden])"
    assert secret.reveal() == "hush"


@given(st.text(max_size=200))
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    assert scrub(scrub(text)) == scrub(text)


def test_the_drawing_of_the_tree_is_the_tree() -> None:
    drawn = re.findall(r"\w*(?:Error)\b", errors.__doc__ or "")
    assert drawn == [
        "SignalWireRestError",
        "SignalWireRestTooLargeError",
        "SignalWireRestTransportError",
    ]
    assert [kind.__name__ for kind in SignalWireRestError.__subclasses__()] == drawn[1:]
