"""What an application is told of a request: its target, its fields, and who sent it."""

import pytest

from satmint.model.proxies import TrustedProxies
from satmint.server import ConnectionLimits, Listener, bind
from tests.kit.polling import until
from tests.server.request_heads import HOST, get, head_of, post
from tests.server.running_server import SCHEMES, served

TRUSTED = TrustedProxies(["127.0.0.2", "10.0.0.0/8"])


@SCHEMES
async def test_request_is_described_as_asgi_has_it(tls: bool) -> None:
    async with served(tls=tls) as site, site.client() as client:
        line = b"POST /a%20b%2Fc/%C3%A9%FF?d=%20e HTTP/1.1"
        await client.ask(head_of(line, b"Host: X", b"A-B: c", b"a-b: D", b"content-length: 0"))
        scope = dict(site.app.scopes[0])
        assert scope.pop("asgi") == {"version": "3.0", "spec_version": "2.4"}
        assert scope == {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https" if tls else "http",
            "path": "/a b/c/é\N{REPLACEMENT CHARACTER}",
            "raw_path": b"/a%20b%2Fc/%C3%A9%FF",
            "query_string": b"d=%20e",
            "root_path": "",
            "headers": [
                *((b"host", b"X"), (b"a-b", b"c"), (b"a-b", b"D"), (b"content-length", b"0"))
            ],
            "client": client.address,
            "server": None,
            "satmint.peer": client.address[0],
        }


@pytest.mark.parametrize(
    ("line", "path", "query"),
    [
        (b"GET http://a.example/x?y HTTP/1.1", "/x", b"y"),
        (b"OPTIONS * HTTP/1.1", "*", b""),
        (b"GET //x HTTP/1.1", "//x", b""),
        (b"GET /%3F?? HTTP/1.1", "/?", b"?"),
    ],
)
async def test_target_is_told_in_origin_form(line: bytes, path: str, query: bytes) -> None:
    async with served() as site, site.client() as client:
        await client.ask(head_of(line, HOST))
        scope = site.app.scopes[0]
        assert (scope["path"], scope["query_string"]) == (path, query)


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ([b"203.0.113.9"], "203.0.113.9"),
        ([b"198.51.100.1, 203.0.113.9, 10.9.9.9"], "203.0.113.9"),
        ([b"198.51.100.1", b"[2001:db8::9]:80"], "2001:db8::9"),
        ([b"10.9.9.9"], "10.9.9.9"),
        ([b"unknown"], "127.0.0.2"),
        ([], "127.0.0.2"),
    ],
)
async def test_trusted_proxy_says_who_the_client_is(lines: list[bytes], address: str) -> None:
    async with served(proxies=TRUSTED) as site, site.client("127.0.0.2") as client:
        await client.ask(get(*[b"X-Forwarded-For: " + line for line in lines]))
        assert site.app.scopes[0]["client"] == (address, 0)
        await client.ask(get(b"x-forwarded-for: 192.0.2.1"))
        assert site.app.scopes[1]["client"] == ("192.0.2.1", 0)


async def test_anybody_else_says_nothing_about_who_the_client_is() -> None:
    async with served(proxies=TRUSTED) as site, site.client("127.0.0.3") as client:
        await client.ask(get(b"x-forwarded-for: 203.0.113.9"))
        assert site.app.scopes[0]["client"] == client.address


async def test_client_of_an_ipv6_listener_has_its_ipv4_address() -> None:
    async with served(proxies=TRUSTED) as site:
        listener = Listener(bind("::", 0))
        site.server.listen(site.app, listener)
        async with site.client("127.0.0.3", port=listener.port) as client:
            await client.ask(get(b"x-forwarded-for: 203.0.113.9"))
            assert site.app.scopes[0]["client"] == client.address
        async with site.client("127.0.0.2", port=listener.port) as client:
            await client.ask(get(b"x-forwarded-for: 203.0.113.9"))
            assert site.app.scopes[1]["client"] == ("203.0.113.9", 0)


async def test_connections_of_a_trusted_proxy_count_for_no_address() -> None:
    async with served(proxies=TRUSTED, limits=ConnectionLimits(per_address=1)) as site:
        busy = [await site.connect("127.0.0.2") for _ in range(3)]
        busy.append(await site.connect("127.0.0.3"))
        for client in busy:
            client.send(get(b"x-forwarded-for: 203.0.113.9", path=b"/held"))
        await until(lambda: len(site.app.scopes) == len(busy))
        refused = await site.connect("127.0.0.3")
        assert (await refused.rest()).startswith(b"HTTP/1.1 503 ")
        site.app.released.set()
        assert [(await client.answer()).status for client in busy] == [200] * len(busy)


async def test_body_reaches_the_application_whole() -> None:
    content = bytes(range(256)) * 1024
    async with served() as site, site.client() as client:
        for framed in (
            post(b"content-length: %d" % len(content), path=b"/content") + content,
            post(b"transfer-encoding: chunked", path=b"/content")
            + b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content),
        ):
            assert (await client.ask(framed)).body == content
