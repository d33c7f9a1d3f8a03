"""Request heads as values: what is accepted, what is refused, and why (RFC 9112)."""

from typing import Final

import pytest

from satmint.server.requests import InvalidRequest, RequestHead, RequestReader
from tests.server.request_heads import HOST, get, head_of, parsed, post, refused, single_bytes

HEAD_LIMIT: Final = 32 * 1024


def test_head_is_read() -> None:
    raw = head_of(b"GET /a%20b?c=d HTTP/1.1", b"Host: x", b"X-1: \t1 2\t ", b"x-2:", b"X-1: 3")
    assert parsed(raw) == RequestHead(
        method="GET",
        target=b"/a%20b?c=d",
        http_version="1.1",
        headers=[(b"host", b"x"), (b"x-1", b"1 2"), (b"x-2", b""), (b"x-1", b"3")],
        keep_alive=True,
        expects_continue=False,
        opens_websocket=False,
        raw=raw,
    )


@pytest.mark.parametrize("blanks", [b"", b" ", b"\t", b" \t", b"\t "])
def test_blanks_around_a_value_are_no_part_of_it(blanks: bytes) -> None:
    assert parsed(get(b"x:" + blanks + b"a b" + blanks)).headers[-1] == (b"x", b"a b")


def test_head_is_the_same_in_whatever_pieces_it_comes() -> None:
    raw = b"\r\n" + head_of(b"POST /x HTTP/1.1", HOST, b"content-length: 3", b"x: y")
    whole = parsed(raw)
    assert whole.raw == raw[2:]
    assert parsed(*single_bytes(raw)) == whole
    for cut in range(1, len(raw)):
        assert parsed(raw[:cut], raw[cut:]) == whole, cut


@pytest.mark.parametrize("size", [HEAD_LIMIT - 1, HEAD_LIMIT])
@pytest.mark.parametrize("piece", [1024, HEAD_LIMIT], ids=["pieces of 1 KiB", "at once"])
def test_head_of_up_to_32_kib_is_read(size: int, piece: int) -> None:
    raw = get(b"x: " + b"y" * (size - len(get(b"x: "))))
    assert len(raw) == size
    head = parsed(*[raw[start : start + piece] for start in range(0, size, piece)])
    assert head.raw == raw
    assert len(head.headers[-1][1]) == size - len(get(b"x: "))


@pytest.mark.parametrize("piece", [1024, 2 * HEAD_LIMIT], ids=["pieces of 1 KiB", "at once"])
@pytest.mark.parametrize("ends", [True, False], ids=["ends", "goes on"])
def test_head_of_more_than_32_kib_is_refused(piece: int, ends: bool) -> None:
    raw = get(b"x: " + b"y" * (HEAD_LIMIT + 1 - len(get(b"x: "))))
    assert len(raw) == HEAD_LIMIT + 1
    sent = raw if ends else raw[:-4] + b"yyyy"
    pieces = [sent[start : start + piece] for start in range(0, len(sent), piece)]
    assert refused(*pieces) == "431 head_too_large"


def test_request_line_of_more_than_32_kib_is_refused() -> None:
    assert refused(b"GET /" + b"x" * HEAD_LIMIT) == "431 head_too_large"


def test_limit_is_that_of_each_head_and_not_of_what_follows() -> None:
    reader, raw = RequestReader(), get(b"x: " + b"y" * 20_000)
    reader.feed(raw * 3)
    for left in (2, 1, 0):
        head = reader.next_head()
        assert head is not None
        assert head.raw == raw
        assert reader.buffered == left * len(raw)


def test_head_behind_a_longer_one_is_found() -> None:
    reader, long = RequestReader(), get(b"x: " + b"y" * 1000)
    reader.feed(long[:900])
    assert reader.next_head() is None
    reader.feed(long[900:] + get())
    for raw in (long, get()):
        head = reader.next_head()
        assert head is not None
        assert head.raw == raw


@pytest.mark.parametrize("before", [b"\r\n", b""])
@pytest.mark.parametrize("split", [True, False])
def test_one_empty_line_before_a_request_is_skipped(before: bytes, split: bool) -> None:
    raw = before + get()
    assert parsed(*(single_bytes(raw) if split else [raw])).raw == get()


@pytest.mark.parametrize(
    "before", [b"\r\n\r\n", b"\r\n\r\n\r\n", b"\n", b"\r", b" ", b"\r\n\n", b"\r\n\r", b"\r\n "]
)
@pytest.mark.parametrize("split", [True, False])
def test_anything_else_before_a_request_is_refused(before: bytes, split: bool) -> None:
    raw = before + get()
    assert refused(*(single_bytes(raw) if split else [raw]))[:4] == "400 "


def test_each_request_may_have_an_empty_line_before_it() -> None:
    reader = RequestReader()
    for data in (get(), b"\r\n" + get(), b"\r\n", get(), post(b"content-length: 2") + b"{}\r\n"):
        reader.feed(data)
        head = reader.next_head()
        assert (head is None) == (data == b"\r\n")
        reader.read_body()
    reader.feed(get())
    assert reader.next_head() is not None
    assert reader.buffered == 0


LINES: Final = {
    b"GET / HTTP/1.2": "505 http_version",
    b"GET / HTTP/2.0": "505 http_version",
    b"PRI * HTTP/2.0": "505 http_version",
    b"GET / HTTP/0.9": "400 http_version",
    b"GET / HTTP/1": "400 request_line",
    b"GET / HTTP/1.10": "400 request_line",
    b"GET / http/1.1": "400 request_line",
    b"GET /": "400 request_line",
    b"GET": "400 request_line",
    b"GET HTTP/1.1": "400 request_line",
    b" GET / HTTP/1.1": "400 request_line",
    b"GET  / HTTP/1.1": "400 request_line",
    b"GET /  HTTP/1.1": "400 request_line",
    b"GET / HTTP/1.1 ": "400 request_line",
    b"GET\t/\tHTTP/1.1": "400 request_line",
    b"GET /a b HTTP/1.1": "400 request_line",
    b"GET /\xe9 HTTP/1.1": "400 request_line",
    b"GET /\x7f HTTP/1.1": "400 request_line",
    b"G(T / HTTP/1.1": "400 request_line",
    b"\x16\x03\x01 / HTTP/1.1": "400 request_line",
    b"BREW / HTTP/1.1": "501 unknown_method",
    b"get / HTTP/1.1": "501 unknown_method",
    b"GET /#x HTTP/1.1": "400 target",
    b"GET http://x/#x HTTP/1.1": "400 target",
    b"GET * HTTP/1.1": "400 target",
    b"GET ftp://x/ HTTP/1.1": "400 target",
    b"GET http:///x HTTP/1.1": "400 target",
    b"GET http:/x HTTP/1.1": "400 head",
    b"GET http://user@x/ HTTP/1.1": "400 target",
    b"GET http://x:port/ HTTP/1.1": "400 target",
    b"GET http://a\\b/ HTTP/1.1": "400 head",
    b"GET x HTTP/1.1": "400 head",
    b"CONNECT x:443 HTTP/1.1": "400 target",
}


@pytest.mark.parametrize("line", list(LINES))
def test_request_line_is_refused(line: bytes) -> None:
    assert refused(head_of(line, HOST)) == LINES[line]


@pytest.mark.parametrize("line", list(LINES))
def test_request_line_is_refused_before_the_head_is_complete(line: bytes) -> None:
    if LINES[line].endswith(("_line", "version")):
        assert refused(line + b"\r\n") == LINES[line]


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02", b"\x00", b"(", b"G(", b"GET("])
def test_bytes_that_no_request_begins_with_are_refused_at_once(data: bytes) -> None:
    assert refused(data) == "400 request_line"


@pytest.mark.parametrize(
    "data", [b"x" * HEAD_LIMIT, b"G", b"GET ", b"GET /", b"GET / HTTP/1.1\r", b"\r"]
)
def test_bytes_that_a_request_may_begin_with_wait_for_more(data: bytes) -> None:
    reader = RequestReader()
    reader.feed(data)
    assert reader.next_head() is None
    assert reader.buffered == len(data)


@pytest.mark.parametrize(
    "field",
    [b"x", b": y", b"x : y", b"x\t: y", b"x(: y", b"x: a\x00b", b"x: \x7f", b"x: a\r\n b"],
)
def test_malformed_field_is_refused(field: bytes) -> None:
    assert refused(get(field)) == "400 head"


@pytest.mark.parametrize("field", [b"x: a\rb", b"x: a\nb: c", b"x: a\n", b"x: a\r", b"\nx: a"])
def test_bare_cr_or_lf_is_refused_in_whatever_pieces_it_comes(field: bytes) -> None:
    raw = get(field, b"y: z")
    assert refused(raw) == "400 head"
    assert refused(*single_bytes(raw)) == "400 bare_cr_or_lf"
    assert refused(raw[: raw.index(field) + len(field) + 3]) == "400 bare_cr_or_lf"


KEEP_ALIVE: Final = [
    (b"1.1", [], True),
    (b"1.1", [b"connection: close"], False),
    (b"1.1", [b"connection: Close"], False),
    (b"1.1", [b"connection: keep-alive, close"], False),
    (b"1.1", [b"connection: ,close ,"], False),
    (b"1.1", [b"connection: keep-alive", b"connection: close"], False),
    (b"1.1", [b"connection: close", b"connection: keep-alive"], False),
    (b"1.1", [b"connection: keep-alive"], True),
    (b"1.1", [b"connection: closed"], True),
    (b"1.1", [b"connection: x-close"], True),
    (b"1.1", [b"connection:"], True),
    (b"1.1", [b"proxy-connection: close"], True),
    (b"1.0", [], False),
    (b"1.0", [b"connection: keep-alive"], False),
    (b"1.0", [b"connection: close"], False),
]


@pytest.mark.parametrize(("version", "fields", "kept"), KEEP_ALIVE)
def test_connection_is_kept_by_version_and_connection_field(
    version: bytes, fields: list[bytes], kept: bool
) -> None:
    head = parsed(get(*fields, version=version))
    assert head.keep_alive is kept
    assert head.http_version == version.decode()


HOSTS: Final = {
    b"example.com": True,
    b"EXAMPLE.com": True,
    b"a_b.example": True,
    b"xn--e1afmkfd.example": True,
    b"127.0.0.1:8080": True,
    b"x:": True,
    b"x:65535": True,
    b"[::1]": True,
    b"[::1]:443": True,
    b"[::ffff:127.0.0.1]": True,
    b"%41": True,
    b"": False,
    b":80": False,
    b"x:123456": False,
    b"x:a": False,
    b"x:-1": False,
    b"x:1:2": False,
    b"::1": False,
    b"[::1": False,
    b"[]": False,
    b"[::1]x": False,
    b"[::g]": False,
    b"[1.2.3.4]": False,
    b"[1:2]": False,
    b"[::1:]": False,
    b"[1:2:3:4:5:6:7:8:9]": False,
    b"user@x": False,
    b"x/y": False,
    b"http://x": False,
    b"x?y": False,
    b"x y": False,
    b"x, y": False,
    b"x\\y": False,
    b"%4": False,
    b"%zz": False,
    b"\xc3\xa9": False,
}


@pytest.mark.parametrize("host", list(HOSTS))
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_host_is_a_host_and_a_port(host: bytes, version: bytes) -> None:
    raw = head_of(b"GET / HTTP/" + version, b"host: " + host)
    if HOSTS[host]:
        assert parsed(raw).headers == [(b"host", host)]
    else:
        assert refused(raw) == "400 invalid_host"


def test_host_of_every_request_is_checked() -> None:
    reader = RequestReader()
    for host in (b"x", b"y", b"x"):
        reader.feed(head_of(b"GET / HTTP/1.1", b"host: " + host))
        head = reader.next_head()
        assert head is not None
        assert head.headers == [(b"host", host)]
    reader.feed(head_of(b"GET / HTTP/1.1", b"host: x/y"))
    with pytest.raises(InvalidRequest, match="400 invalid_host"):
        reader.next_head()


@pytest.mark.parametrize("target", [b"/", b"http://x/"])
def test_request_of_http_1_1_has_one_host(target: bytes) -> None:
    assert refused(head_of(b"GET %b HTTP/1.1" % target)) == "400 no_host"
    for version in (b"1.0", b"1.1"):
        for hosts in ([b"host: x"] * 2, [b"host: x", b"y: z", b"Host: w"]):
            raw = head_of(b"GET %b HTTP/%b" % (target, version), *hosts)
            assert refused(raw) == "400 two_hosts"


def test_request_has_one_authorization() -> None:
    """Which of two counts would be the choice of whoever reads them."""
    one, other = b"Authorization: Basic YTpi", b"authorization: Bearer x"
    assert parsed(get(one)).headers[-1] == (b"authorization", b"Basic YTpi")
    for fields in ([one, one], [one, other], [other, b"x: y", one]):
        assert refused(get(*fields)) == "400 two_authorizations"
        assert refused(get(*fields, version=b"1.0")) == "400 two_authorizations"


def test_request_of_http_1_0_needs_no_host() -> None:
    assert parsed(head_of(b"GET / HTTP/1.0")).headers == []


@pytest.mark.parametrize(
    ("target", "host", "origin_form"),
    [
        (b"http://a.example/x?y=z", b"a.example", b"/x?y=z"),
        (b"https://a.example/x", b"a.example", b"/x"),
        (b"HTTP://A.example:8080/", b"A.example:8080", b"/"),
        (b"http://a.example", b"a.example", b"/"),
        (b"http://a.example?y", b"a.example", b"/?y"),
        (b"http://[::1]:80//x", b"[::1]:80", b"//x"),
    ],
)
def test_authority_of_an_absolute_form_replaces_the_host(
    target: bytes, host: bytes, origin_form: bytes
) -> None:
    for fields in ([b"host: b.example", b"x: y"], [b"x: y", b"host: b.example"]):
        head = parsed(head_of(b"GET %b HTTP/1.1" % target, *fields))
        assert head.target == origin_form
        assert head.headers == [(b"x", b"y"), (b"host", host)]
    assert parsed(head_of(b"GET %b HTTP/1.0" % target)).headers == [(b"host", host)]


def test_asterisk_is_a_target_of_options() -> None:
    assert parsed(head_of(b"OPTIONS * HTTP/1.1", HOST)).target == b"*"


WEBSOCKET: Final = [b"connection: Upgrade", b"upgrade: WebSocket"]
HANDSHAKES: Final = [
    ([b"connection: upgrade", b"upgrade: websocket"], True),
    (WEBSOCKET, True),
    ([b"connection: keep-alive, Upgrade", b"upgrade: websocket"], True),
    ([b"connection: keep-alive", b"connection: upgrade", b"upgrade: websocket"], True),
    ([b"connection: upgrade", b"connection: keep-alive", b"upgrade: websocket"], True),
    ([b"connection: upgrade", b"upgrade: h2c, websocket"], True),
    ([b"connection: upgrade", b"upgrade: websocket", b"upgrade: h2c"], True),
    ([*WEBSOCKET, b"content-length: 0"], True),
    ([b"upgrade: websocket"], False),
    ([b"connection: upgrade"], False),
    ([b"connection: close", b"upgrade: websocket"], False),
    ([b"connection: upgrade", b"upgrade: h2c"], False),
    ([b"connection: upgrade", b"upgrade: websocket/13"], False),
]


@pytest.mark.parametrize(("fields", "opens"), HANDSHAKES)
def test_opening_handshake_is_told_by_connection_and_upgrade(
    fields: list[bytes], opens: bool
) -> None:
    assert parsed(get(*fields)).opens_websocket is opens
    assert parsed(get(*fields, version=b"1.0")).opens_websocket is False


def test_opening_handshake_is_a_get_without_a_body() -> None:
    for raw in (
        post(*WEBSOCKET),
        post(*WEBSOCKET, b"content-length: 2"),
        get(*WEBSOCKET, b"content-length: 2"),
        get(*WEBSOCKET, b"transfer-encoding: chunked"),
    ):
        assert refused(raw) == "400 no_handshake"
    assert parsed(post(*WEBSOCKET, version=b"1.0")).opens_websocket is False


def test_a_head_shows_no_credentials() -> None:
    assert repr(parsed(get(b"authorization: Basic c2VjcmV0"))) == "RequestHead(hidden)"
