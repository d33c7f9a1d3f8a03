"""Which address a request comes from: trusted proxies and `X-Forwarded-For`."""

from typing import Final

import pytest

from satmint.model.proxies import TrustedProxies, canonical

PEER: Final = "10.0.0.1"
PROXIES: Final = TrustedProxies(["10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"])


def client_of(*lines: str, peer: str = PEER) -> str:
    """The address of a client whose request has these lines of `X-Forwarded-For`."""
    headers = [(b"x-forwarded-for", line.encode("latin-1")) for line in lines]
    return PROXIES.client_address(peer, [(b"host", b"x"), *headers, (b"forwarded", b"for=9.9.9.9")])


@pytest.mark.parametrize(
    ("line", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.2.3.4", "203.0.113.9"),
        ("203.0.113.9, 10.2.3.4, 192.0.2.7", "203.0.113.9"),
        ("203.0.113.9,10.2.3.4,2001:db8:1::5", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.2.3.4", "203.0.113.9"),
        ("10.9.9.9, 203.0.113.9, 10.2.3.4", "203.0.113.9"),
        ("198.51.100.1, 192.0.2.8", "192.0.2.8"),
        ("198.51.100.1, 2001:db8:2::5", "2001:db8:2::5"),
        ("  203.0.113.9\t,\t10.2.3.4  ", "203.0.113.9"),
    ],
)
def test_last_entry_that_is_no_trusted_proxy_counts(line: str, client: str) -> None:
    assert client_of(line) == client


def test_several_lines_are_one_list() -> None:
    assert client_of("198.51.100.1", "203.0.113.9", "10.2.3.4") == "203.0.113.9"
    assert client_of("198.51.100.1, 203.0.113.9", "10.2.3.4, 10.2.3.5") == "203.0.113.9"
    assert client_of("203.0.113.9", "198.51.100.1") == "198.51.100.1"
    assert client_of("", "198.51.100.1") == "198.51.100.1"


@pytest.mark.parametrize("line", ["10.2.3.4", "10.2.3.4, 10.2.3.5", "10.2.3.4, 2001:db8:1::1"])
def test_farthest_proxy_counts_where_all_are_trusted(line: str) -> None:
    assert client_of(line) == "10.2.3.4"


@pytest.mark.parametrize("lines", [[], [""], [" "], [","], ["", ""]])
def test_peer_counts_where_there_is_no_entry(lines: list[str]) -> None:
    assert client_of(*lines) == PEER


@pytest.mark.parametrize(
    "garbage",
    [
        *("unknown", "_hidden", "client.example", "203.0.113", "203.0.113.256", "0x7f.1", "1"),
        *("203.0.113.9 x", "203.0.113.9:1:2", "::g", "[]", ":80", "\xe9", "*", ""),
        "203.0.113.009",
    ],
)
def test_entry_that_is_no_address_ends_the_search(garbage: str) -> None:
    assert client_of(f"198.51.100.1, {garbage}") == PEER
    assert client_of(f"198.51.100.1, {garbage}, 10.2.3.4") == "10.2.3.4"
    assert client_of(f"{garbage}, 203.0.113.9, 10.2.3.4") == "203.0.113.9"


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("203.0.113.9:1234", "203.0.113.9"),
        ("[2001:db8::9]:1234", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("2001:db8::9", "2001:db8::9"),
        ("2001:DB8:0:0::9", "2001:db8::9"),
        ("fe80::9%eth0", "fe80::9"),
        ("[fe80::9%eth0]:1234", "fe80::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:cb00:7109]:1234", "203.0.113.9"),
    ],
)
def test_entry_is_an_address_with_or_without_a_port(entry: str, address: str) -> None:
    assert client_of(entry) == address
    assert client_of(f"198.51.100.1, {entry}, 10.2.3.4:80") == address


@pytest.mark.parametrize(
    "entry", ["10.2.3.4:80", "::ffff:10.2.3.4", "[::ffff:10.2.3.4]:80", "[2001:db8:1::5]:80"]
)
def test_trusted_proxy_is_one_in_every_spelling(entry: str) -> None:
    assert client_of(f"203.0.113.9, {entry}") == "203.0.113.9"


@pytest.mark.parametrize(
    ("entries", "trusted", "others"),
    [
        (["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2", "::1"]),
        (["::1"], ["::1"], ["127.0.0.1", "::2"]),
        (["10.0.0.0/8"], ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0"]),
        (["10.1.2.3/8"], ["10.9.9.9"], ["11.0.0.0"]),
        (["2001:db8::/32"], ["2001:db8:ffff::1"], ["2001:db9::1", "10.0.0.1"]),
        (["::ffff:127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]),
        (["::ffff:10.0.0.0/104"], ["10.9.9.9"], ["11.0.0.0"]),
        ([" 10.0.0.1 ", "\t::1"], ["10.0.0.1", "::1"], ["10.0.0.2"]),
        ([], [], ["127.0.0.1", "::1", ""]),
    ],
)
def test_addresses_are_compared_as_addresses(
    entries: list[str], trusted: list[str], others: list[str]
) -> None:
    proxies = TrustedProxies(entries)
    for _ in range(2):
        assert [found for found in trusted if not proxies.trusts(found)] == []
        assert [found for found in others if proxies.trusts(found)] == []


def test_text_that_is_no_address_is_no_trusted_proxy() -> None:
    for text in ("", "testclient", "*", "10.0.0.0/8", "10.0.0"):
        assert not PROXIES.trusts(text)


def test_verdicts_stay_right_for_any_number_of_addresses() -> None:
    proxies = TrustedProxies(["10.0.0.0/16"])
    for _ in range(2):
        for number in range(3000):
            assert proxies.trusts(f"10.0.{number >> 8}.{number & 255}")
            assert not proxies.trusts(f"10.1.{number >> 8}.{number & 255}")


def test_memory_for_verdicts_is_bounded() -> None:
    proxies = TrustedProxies(["10.0.0.0/16"])
    for number in range(3000):
        proxies.trusts(f"10.1.{number >> 8}.{number & 255}")
    assert len(proxies._trusted) <= 1024


def test_asterisk_is_refused_and_the_reason_is_given() -> None:
    for entries in (["*"], ["10.0.0.1", " * "]):
        with pytest.raises(ValueError, match="would let every caller choose its own address"):
            TrustedProxies(entries)


@pytest.mark.parametrize(
    "entry", ["proxy.example", "localhost", "10.0.0.0/33", "10.0.0", "::1/129", "", "10.0.0.1:80"]
)
def test_entry_that_is_no_address_and_no_network_is_refused_by_name(entry: str) -> None:
    with pytest.raises(ValueError, match="is not an IP address or a network") as refusal:
        TrustedProxies(["10.0.0.1", entry])
    assert str(refusal.value).startswith(repr(entry))


@pytest.mark.parametrize(
    ("address", "usual"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("::FFFF:7f00:1", "127.0.0.1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("testclient", "testclient"),
        ("a:b:c", "a:b:c"),
        ("", ""),
    ],
)
def test_address_has_one_usual_form(address: str, usual: str) -> None:
    assert canonical(address) == usual
    assert canonical(usual) == usual


@pytest.mark.parametrize("entry", ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "10.0.0.1/0"])
def test_network_of_every_address_is_refused_like_the_asterisk(entry: str) -> None:
    with pytest.raises(ValueError, match="every address"):
        TrustedProxies([entry])
