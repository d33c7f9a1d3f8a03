"""One spelling for each URL: the examples of RFC 3986, and what must hold of all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.dpop._rfc3986 import normal_path, normal_url


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://example.com", "https://example.com/"),
        ("https://example.com/", "https://example.com/"),
        ("https://example.com:/", "https://example.com/"),
        ("https://example.com:443/", "https://example.com/"),
        ("https://example.com:0443/", "https://example.com/"),
        ("http://example.com:80/", "http://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("HTTPS://www.EXAMPLE.com/", "https://www.example.com/"),
        ("hTTp://A/%7esmith/Home.html", "http://a/~smith/Home.html"),
        ("https://a/%7Esmith/%3a%2f", "https://a/~smith/%3A%2F"),
        ("https://[2001:DB8::7]:8443/c", "https://[2001:db8::7]:8443/c"),
        ("https://a/b/c/./../../g", "https://a/g"),
        ("https://a?x", "https://a/"),
        ("https://a#x?", "https://a/"),
        ("https://a/b?c/../d", "https://a/b"),
        ("https://a/b#c/../d", "https://a/b"),
        ("https://a//b", "https://a//b"),
    ],
)
def test_url_has_one_normal_form(url: str, normal: str) -> None:
    assert normal_url(url) == normal
    assert normal_url(normal) == normal


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        # RFC 3986, section 5.2.4, and section 5.4.1 with its base http://a/b/c/d;p?q.
        ("/a/b/c/./../../g", "/a/g"),
        ("/b/c/.", "/b/c/"),
        ("/b/c/./", "/b/c/"),
        ("/b/c/..", "/b/"),
        ("/b/c/../", "/b/"),
        ("/b/c/../..", "/"),
        ("/b/c/../../g", "/g"),
        # Section 5.4.2.
        ("/b/c/../../../g", "/g"),
        ("/./g", "/g"),
        ("/../g", "/g"),
        ("/b/c/g.", "/b/c/g."),
        ("/b/c/.g", "/b/c/.g"),
        ("/b/c/..g", "/b/c/..g"),
        ("/b/c/./g/.", "/b/c/g/"),
        ("/b/c/g;x=1/./y", "/b/c/g;x=1/y"),
        ("/b/c/g;x=1/../y", "/b/c/y"),
        ("/", "/"),
        ("/.", "/"),
        ("/..", "/"),
        ("//", "//"),
        ("/a//../b", "/a/b"),
        ("/%2E%2e/%2f", "/%2F"),
        ("/%41%5a%61%7a%30%39%2d%2E%5F%7e", "/AZaz09-._~"),
        ("/%252e", "/%252e"),
        ("/a?b", "/a"),
        ("/a#b", "/a"),
    ],
)
def test_path_has_one_normal_form(path: str, normal: str) -> None:
    assert normal_path(path) == normal
    assert normal_path(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "a",
            "a/b",
            "?",
            "#",
            "//example.com/a",
            "https:",
            "https:/a",
            "https://",
            "https:///a",
        ),
        *("ftp://a/", "ws://a/", "httpss://a/", "xhttps://a/", "https://a:b/", "https://a:123456/"),
        *("https://a@b/", "https://@b/", "https://a:b@c/", "https://a\\b/", "https://a b/"),
        *(
            "https://a/ ",
            " https://a/",
            "https://a/\n",
            "https://a/\0",
            "https://a/%",
            "https://a/%1",
        ),
        *(
            "https://a/%gg",
            "https://\u00e9/",
            "https://a/\u00e9",
            "https://a/\ud800",
            "https://%61/",
        ),
        *(
            "https://a/[",
            "https://a/<>",
            'https://a/"',
            "https://a/{}",
            "https://a/|",
            "https://a/^",
        ),
        *("https://[::1/", "https://::1]/", "https://[]/", "https://[v1.a]/", "https://a/#b#c"),
        *("https://a:\u0664/", "https://a:-1/", "https://a:1:2/"),
    ],
)
def test_what_is_no_absolute_url_has_none(text: str) -> None:
    assert normal_url(text) is None


@pytest.mark.parametrize("text", ["", "a", "?", "#", "https://a/", "/ ", "/\n", "/%", "/%1", "/é"])
def test_what_is_no_absolute_path_has_none(text: str) -> None:
    assert normal_path(text) is None


PIECES = st.lists(
    st.sampled_from(
        [
            *("/", ".", "..", "%2e", "%2E", "%2f", "a", "B", "%41", "%7e", "%", ";", "?", "#", ":"),
            *("https://", "HTTP://", "example.com", ":443", ":80", "@", "[::1]", " ", "\\", "é"),
        ]
    ),
    max_size=12,
).map("".join)


@given(PIECES | st.text(max_size=30))
def test_normal_form_is_its_own_normal_form(text: str) -> None:
    for normal_form in (normal_url, normal_path):
        normal = normal_form(text)
        if normal is not None:
            assert normal_form(normal) == normal
            assert not {".", ".."} & set(normal.partition("://")[2].split("/")[1:])
            assert not {"?", "#", "\\", " "} & set(normal)


@given(PIECES)
def test_url_and_path_agree_on_the_path(text: str) -> None:
    if text.startswith("/"):
        path, url = normal_path(text), normal_url(f"https://example.com{text}")
        assert url == (None if path is None else f"https://example.com{path}")


def test_at_most_256_urls_are_cached() -> None:
    for number in range(300):
        normal_url(f"https://example.com/{number}")
        normal_path(f"/{number}")
    assert [each.cache_info().currsize for each in (normal_url, normal_path)] == [256, 256]
