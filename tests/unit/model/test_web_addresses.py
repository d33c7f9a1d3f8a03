"""Origins, base URLs and cluster hosts: one form, which is that of browsers, or a refusal."""

import pytest

from satmint.model.web_addresses import (
    InvalidWebAddress,
    allows_origin,
    normal_base_url,
    normal_cluster_host,
    normal_origin,
)


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("https://www.example.com", "https://www.example.com"),
        ("https://www.example.com:443", "https://www.example.com"),
        ("http://www.example.com:80/", "http://www.example.com"),
        ("https://www.example.com:80", "https://www.example.com:80"),
        ("https://WWW.Example.com", "https://www.example.com"),
        ("HTTPS://app.example.com/", "https://app.example.com"),
        ("http://localhost:03000", "http://localhost:3000"),
        ("http://localhost:", "http://localhost"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[0:0::1]:5173", "http://[::1]:5173"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://my_app.example", "https://my_app.example"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://Abcdefgh", "chrome-extension://Abcdefgh"),
    ],
)
def test_origin_gets_the_form_in_which_browsers_send_it(given: str, normal: str) -> None:
    assert normal_origin(given) == normal
    assert normal_origin(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        *("", "*", "*.", "null", "app.example.com", "//app.example.com", "https:app.example.com"),
        *("https://", "https:///", "https://*.example.com", "https://.example.com", "https://a..b"),
        *("https://a.example/path", "https://a.example?q", "https://a.example#f"),
        *("https://u:p@a.example", "https://a.example:x", "https://a.example:0"),
        *("https://a.example:65536", "https://a.example:999999999999", "https://[::g]"),
        *("https://127.1", "https://1.2.3.256", "https://bücher.example", "https://[v1.a]"),
        *("https://a.example\n", " https://a.example", "https://a b.example", "ftp://a.example"),
        *("https://-a.example", "file:///", "javascript://x", "capacitor://", "capacitor://a:b"),
    ],
)
def test_what_no_browser_sends_is_no_origin(text: str) -> None:
    with pytest.raises(InvalidWebAddress) as refusal:
        normal_origin(text)
    assert str(refusal.value).startswith(("must ", "has "))
    assert len(text) < 4 or text not in str(refusal.value)


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("https://fabric.example.com", "https://fabric.example.com"),
        ("https://Fabric.Example.com:443/", "https://fabric.example.com"),
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("https://example.com/satmint/", "https://example.com/satmint"),
        ("https://example.com/a%20b", "https://example.com/a%20b"),
    ],
)
def test_base_url_gets_a_normal_form(given: str, normal: str) -> None:
    assert normal_base_url(given) == normal


@pytest.mark.parametrize(
    "text",
    [
        *("fabric.example.com", "not a url", "", "/", "ftp://a.example", "capacitor://localhost"),
        *("https://a.example/?", "https://a.example/?x=1", "https://a.example/#x", "https://"),
        *("https://u@a.example", "https://a.example/a b", "https://a.example/%zz", "mailto:a@b"),
    ],
)
def test_what_is_no_base_of_links_is_refused(text: str) -> None:
    with pytest.raises(InvalidWebAddress):
        normal_base_url(text)


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("puc.example.com", "puc.example.com"),
        ("PUC.Example.com:443", "puc.example.com"),
        ("puc.localhost:8443", "puc.localhost:8443"),
        ("127.0.0.1:8443", "127.0.0.1:8443"),
        ("puc.example.com:", "puc.example.com"),
    ],
)
def test_cluster_host_gets_the_form_in_which_browsers_call_it(given: str, normal: str) -> None:
    assert normal_cluster_host(given) == normal


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "https://puc.example.com", "puc.example.com/", "a:b.c", "[::1]:1"),
        *("puc.", "1.2:3:4", "-a.example", "puc.example.com:0", "*.example.com", "a.example.com."),
    ],
)
def test_what_is_no_host_of_a_domain_is_no_cluster_host(text: str) -> None:
    with pytest.raises(InvalidWebAddress):
        normal_cluster_host(text)


def test_origins_that_earlier_versions_stored_match_as_well() -> None:
    stored = ("https://Shop.example:443/", "not an origin")
    assert allows_origin(stored, "https://shop.example")
    assert not allows_origin(stored, "https://shop.example:8443")
    assert not allows_origin(stored, None)
    assert allows_origin((), None)
    assert allows_origin((), "https://anywhere.example")


@pytest.mark.parametrize(
    "text", ["https://a .example", "https://a.example\x7f", "https://a\u2028b"]
)
def test_blanks_and_control_characters_are_named_as_such(text: str) -> None:
    with pytest.raises(InvalidWebAddress, match="blanks or control characters"):
        normal_origin(text)


def test_address_is_not_longer_than_2048_characters() -> None:
    longest = f"https://a.example/{'x' * 2030}"
    assert len(longest) == 2048
    assert normal_base_url(longest) == longest
    with pytest.raises(InvalidWebAddress):
        normal_base_url(f"{longest}x")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://u:p@a.example", "no user and no password"),
        ("https://[1::2::3]", "invalid IPv6 address"),
        ("https://bücher.example", "its host in ASCII"),
        ("https://*.example.com", "no patterns with an asterisk"),
        ("https://1.2.3.256", "invalid IPv4 address"),
        ("https://a..b", "must have a host"),
        ("https://a.example:0", "a port from 1 to 65535"),
        ("https://a.example:65536", "a port from 1 to 65535"),
        ("https://a.example:x", "after a colon a port"),
        ("a.example", "must begin with https"),
    ],
)
def test_refusal_names_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(InvalidWebAddress, match=reason):
        normal_origin(text)


@pytest.mark.parametrize("port", ["1", "65535"])
def test_first_and_last_port_are_good(port: str) -> None:
    assert normal_origin(f"https://a.example:{port}") == f"https://a.example:{port}"


def test_host_is_not_longer_than_255_characters() -> None:
    label = "a" * 63
    longest = ".".join([label, label, label, "b" * 63])
    assert len(longest) == 255
    assert normal_origin(f"https://{longest}") == f"https://{longest}"
    with pytest.raises(InvalidWebAddress):
        normal_origin(f"https://{'.'.join([label, label, label, 'b' * 62, 'c'])}")
