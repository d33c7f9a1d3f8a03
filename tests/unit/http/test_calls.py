"""A call that has been let in: who calls, and what its path and query name."""

from uuid import UUID

import pytest

from satmint.flows.callers import ApiTokenCaller, subscriber_caller
from satmint.http.body_schema import Members
from satmint.http.call import Call
from satmint.model.permissions import FABRIC
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable
from tests.kit.service import ORIGIN, Server


def a_call(**params: str) -> Call:
    return Call(params, b"", ORIGIN, {})


async def test_caller_is_who_the_operation_admits_and_nobody_else(server: Server) -> None:
    for property_ in ("caller", "holder", "caller_or_holder"):
        with pytest.raises(TypeError, match=r"^this operation (is not for|admits anyone)"):
            getattr(a_call(), property_)
    by_backend, by_holder = a_call(), a_call()
    by_backend.principal = ApiTokenCaller(UUID(int=1), UUID(int=2), FABRIC)
    by_holder.principal = await subscriber_caller(
        server.services, (await server.sign_in())["token"]
    )
    assert by_backend.caller is by_backend.caller_or_holder
    assert by_holder.holder is by_holder.caller_or_holder
    with pytest.raises(TypeError, match=r"^this operation is not for holders of a SAT$"):
        _ = by_backend.holder
    with pytest.raises(TypeError, match=r"^this operation is not for backends$"):
        _ = by_holder.caller


def test_call_prints_neither_credentials_nor_what_was_sent() -> None:
    call = Call({}, b"", ORIGIN, {b"authorization": b"Basic secret"})
    assert repr(call) == str(call) == "Call(hidden)"
    members = Members({"password": "secret"})
    assert repr(members) == str(members) == "Members(hidden)"


def test_there_is_nothing_under_what_is_no_id() -> None:
    text = "32d94154-9297-418c-9a85-4a69e0c67c30"
    assert a_call(id=text).path_id("id") == UUID(text)
    for odd in ("", "x", text.replace("-", ""), text + "\n"):
        with pytest.raises(NotFound) as refusal:
            a_call(id=odd).path_id("id")
        assert refusal.value.cause == "not_an_id"


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b"", {}),
        (b"a=1&b=&c", {"a": "1", "b": "", "c": ""}),
        (b"a=%C3%A9+%2B", {"a": "é +"}),
        (
            b"&".join(b"a%d=1" % number for number in range(32)),
            {f"a{number}": "1" for number in range(32)},
        ),
    ],
)
def test_query_is_read_as_utf_8(raw: bytes, values: dict[str, str]) -> None:
    call = a_call()
    call.query_string = raw
    assert call.query() == values


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a=%FF", "The query string is malformed"),
        (b"a=\xff", "The query string is malformed"),
        (b"&".join([b"a=1"] * 33), "The query string is malformed"),
        (b"a=1&a=1", "The query string names a parameter twice"),
        (b"a=1&%61=2", "The query string names a parameter twice"),
        (b"a=b%00", "The query string contains NUL"),
        (b"b=1&a%00=1", "The query string contains NUL"),
    ],
)
def test_query_that_can_be_read_in_two_ways_is_refused(raw: bytes, message: str) -> None:
    call = a_call()
    call.query_string = raw
    with pytest.raises(Unprocessable) as refusal:
        call.query()
    assert refusal.value.field_errors == (FieldError(Code.INVALID_PARAMETER, message),)


def test_headers_are_read_by_name_once_or_as_often_as_they_were_sent() -> None:
    lines = [(b"origin", b"https://a.example"), (b"dpop", b"p"), (b"dpop", b"\xe9")]
    call = Call({}, b"", ORIGIN, {**dict(lines), b"host": b"mint.test:8080"}, header_lines=lines)
    assert call.header_values(b"dpop") == ["p", "é"]
    assert call.header_values(b"host") == []
    assert (call.web_origin, call.host) == ("https://a.example", "mint.test:8080")
    assert (a_call().web_origin, a_call().host) == (None, "")
