"""Which origins may call."""

import pytest

from satmint.http.cors import Cors


@pytest.mark.parametrize(
    ("origins", "web_origin", "allowed"),
    [
        (("*",), b"https://a.example", True),
        (("https://b.example", "*"), b"https://a.example", True),
        (("https://a.example",), b"https://a.example", True),
        (("https://a.example",), b"https://a.example:8443", False),
        (("https://a.example",), b"*", False),
        ((), b"https://a.example", False),
    ],
)
def test_origin_is_allowed_by_name_or_with_all(
    origins: tuple[str, ...], web_origin: bytes, allowed: bool
) -> None:
    assert Cors(origins).allows_origin(web_origin) is allowed


ALLOWED = b"https://a.example"
EXPOSED = (b"x-request-id", b"retry-after")


def headers_for(origins: tuple[str, ...], web_origin: bytes) -> dict[bytes, bytes]:
    return dict(Cors(origins).headers(web_origin))


def test_answer_names_the_one_origin_that_may_read_it() -> None:
    found = headers_for(("https://a.example", "https://b.example"), ALLOWED)
    assert found[b"access-control-allow-origin"] == ALLOWED
    assert found[b"vary"] == b"Origin"
    exposed = found[b"access-control-expose-headers"].lower()
    assert all(name in exposed for name in EXPOSED)


def test_answer_that_every_origin_may_read_does_not_vary() -> None:
    found = headers_for(("*",), ALLOWED)
    assert found[b"access-control-allow-origin"] == b"*"
    assert b"vary" not in found
    assert b"access-control-expose-headers" in found


def test_answer_to_another_origin_says_only_that_it_varies() -> None:
    assert headers_for(("https://a.example",), b"https://c.example") == {b"vary": b"Origin"}


def test_preflight_says_what_a_page_may_send() -> None:
    allow = (b"allow", b"GET, POST")
    asked = Cors(("*",)).preflight({b"access-control-request-method": b"POST"}, allow)
    found = dict(asked.headers)
    assert (asked.status, found[b"access-control-allow-methods"]) == (204, b"GET, POST")
    allowed = found[b"access-control-allow-headers"].split(b", ")
    assert {b"authorization", b"content-type", b"dpop", b"idempotency-key"} <= set(allowed)
    assert found[b"access-control-max-age"] == b"600"
    plain = Cors(("*",)).preflight({}, allow)
    assert (plain.status, plain.headers) == (204, (allow,))
