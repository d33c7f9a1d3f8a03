"""Base64url has one spelling for each value."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.model.base64url import NotBase64Url, b64url, b64url_decode


@given(st.binary())
def test_it_is_that_of_rfc_7515(data: bytes) -> None:
    text = b64url(data)
    assert text == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert b64url_decode(text) == data


def test_example_of_rfc_7515_appendix_c() -> None:
    data = bytes([3, 236, 255, 224, 193])
    assert b64url(data) == "A-z_4ME"
    assert b64url_decode("A-z_4ME") == data


@pytest.mark.parametrize(
    "text",
    [
        *("A", "AAAAA", "=", "AA==", "AAA=", "AAAA====", "AAAAAA==", "A==="),
        *("A+AA", "A/AA", "AB", "AAB", "Ag=", "AA A", "AA\n", " AAA", "A.AA", "A!AA"),
        *("éAAA", "\u0661AAA", "\ud800AAA", "A\0AA", "AA-", "AA_"),
    ],
)
def test_any_other_spelling_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(NotBase64Url) as refusal:
        b64url_decode(text)
    assert refusal.value.args == ()


@given(st.text() | st.text("AQgwEIMUYckos048-_+/= \n\0"))
def test_any_text_is_the_one_spelling_of_some_bytes_or_none(text: str) -> None:
    try:
        data = b64url_decode(text)
    except NotBase64Url:
        return
    assert b64url(data) == text
