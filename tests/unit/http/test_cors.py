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
