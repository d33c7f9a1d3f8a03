"""Certificates, proxies, and transports that are handed in."""

from __future__ import annotations

import asyncio
import os
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from kit.raw_server import answering, raw_server
from satmint_sdk.rest import AsyncRestClient, RestClient, SignalWireRestTransportError
from satmint_sdk.rest._connection import trusted
from satmint_sdk.rest._endpoint import parse_endpoint
from satmint_sdk.rest._proxy import environment_proxy

NOTHING = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"


class Sync(httpx.BaseTransport):
    """A transport of the caller's, which may have connections."""

    def handle_request(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(204)


class Async(httpx.AsyncBaseTransport):
    """The same for the other client."""

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(204)


def in_a_child(work: Callable[[], object]) -> str:
    """What `work` returns, or the error that it raises, in a process forked off this one."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of a server: Python 3.12
        child = os.fork()
    if child == 0:
        try:
            said = str(work())
        except Exception as error:  # noqa: BLE001 - it is what is asked for
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def test_a_transport_handed_in_does_not_cross_a_fork() -> None:
    client = RestClient("p", "t", "localhost", transport=Sync())
    assert client.project.tokens.delete("x") == {}
    said = in_a_child(lambda: client.project.tokens.delete("x"))
    assert said.startswith("RuntimeError: the transport belongs to the process before the fork: ")
    assert (
        "hand in a function that makes one, such as transport=lambda: httpx.HTTPTransport" in said
    )


def test_a_function_that_makes_transports_makes_one_for_each_process() -> None:
    made: list[int] = []

    def factory() -> Sync:
        made.append(os.getpid())
        return Sync()

    client = RestClient("p", "t", "localhost", transport=factory)
    client.project.tokens.delete("x")
    client.project.tokens.delete("x")
    assert made == [os.getpid()]
    said = in_a_child(lambda: (client.project.tokens.delete("x"), made[1] == os.getpid()))
    assert said == "({}, True)"


def test_a_transport_handed_in_serves_one_event_loop() -> None:
    client = AsyncRestClient("p", "t", "localhost", transport=Async())

    async def run() -> object:
        return await client.project.tokens.delete("x")

    assert asyncio.run(run()) == {}
    with pytest.raises(RuntimeError) as refused:
        asyncio.run(run())
    assert str(refused.value).startswith("the transport belongs to another event loop: hand in")


@pytest.mark.parametrize("transport", [Async, lambda: Async(*())])
def test_a_function_that_makes_transports_makes_one_for_each_loop(transport: Any) -> None:
    client = AsyncRestClient("p", "t", "localhost", transport=transport)

    async def run() -> object:
        return await client.project.tokens.delete("x")

    assert (asyncio.run(run()), asyncio.run(run())) == ({}, {})


def test_what_has_no_connections_is_shared() -> None:
    mock = httpx.MockTransport(lambda _: httpx.Response(204))
    client = RestClient("p", "t", "localhost", transport=mock)
    assert in_a_child(lambda: client.project.tokens.delete("x")) == "{}"


@pytest.mark.parametrize("wrong", [Async(), 5, "https://proxy"])
def test_a_transport_for_the_other_client_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(TypeError) as refused:
        RestClient("p", "t", "localhost", transport=wrong)
    assert str(refused.value) == (
        "transport must be an httpx.BaseTransport for RestClient, or a function that makes one"
    )


async def test_nor_does_a_function_that_makes_the_wrong_one_pass() -> None:
    given: Any = Sync
    async with AsyncRestClient("p", "t", "localhost", transport=given) as client:
        with pytest.raises(TypeError) as refused:
            await client.project.tokens.delete("x")
    assert str(refused.value) == (
        "transport must be an httpx.AsyncBaseTransport for AsyncRestClient,"
        " or a function that makes one"
    )


def test_a_loop_that_is_not_of_asyncio_is_told_what_to_do() -> None:
    """Under trio there is none."""
    call = AsyncRestClient("p", "t", "localhost").fabric.addresses.list()
    with pytest.raises(RuntimeError) as refused:
        call.send(None)
    assert str(refused.value) == (
        "AsyncRestClient needs a running asyncio loop; under trio, call a RestClient in a thread"
    )


def test_the_clients_own_connections_serve_one_loop_after_the_other_and_a_fork() -> None:
    with raw_server(answering(NOTHING)) as server:
        client = AsyncRestClient("p", "t", server.host)

        async def run() -> object:
            return await client.project.tokens.delete("x")

        assert asyncio.run(run()) == asyncio.run(run()) == {}
        assert in_a_child(lambda: asyncio.run(run())) == "{}"


@pytest.mark.parametrize("kind", [RestClient, AsyncRestClient])
@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"])
def test_a_proxy_of_an_unknown_scheme_is_named_by_its_variable(
    name: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "gopher://user:hush@proxy.test:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ValueError) as refused:
        kind("p", "t", "example.test")
    assert str(refused.value) == (
        f"{name} has a proxy of the unknown scheme 'gopher': use http, https, socks5 or socks5h"
    )
    kind("p", "t", "localhost")  # is reached without one
    monkeypatch.setenv("NO_PROXY", "other.test, .test")
    kind("p", "t", "example.test")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://proxy.test", "proxy has a proxy of the unknown scheme 'ftp': use"),
        ("http://:80", "proxy is not the URL of a proxy: write http://host:port"),
        ("http://proxy:port", "proxy is not the URL of a proxy: write http://host:port"),
    ],
)
def test_a_proxy_that_is_none_is_refused_at_once(url: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        RestClient("p", "t", "example.test", proxy=url)
    assert str(refused.value).startswith(sentence)


def test_a_socks_proxy_without_its_package_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ValueError) as refused:
        RestClient("p", "t", "example.test", proxy="socks5://127.0.0.1:1")
    assert str(refused.value) == "proxy has a SOCKS proxy: pip install 'httpx[socks]'"


@pytest.mark.parametrize(
    ("environ", "chosen"),
    [
        ({}, None),
        ({"http_proxy": "http://a:1"}, None),
        ({"https_proxy": "http://a:1", "ALL_PROXY": "http://b:1"}, "http://a:1"),
        ({"ALL_PROXY": "a:1"}, "http://a:1"),
        ({"ALL_PROXY": "http://a:1", "no_proxy": "*"}, None),
        ({"ALL_PROXY": "http://a:1", "no_proxy": "example.test"}, None),
        ({"ALL_PROXY": "http://a:1", "no_proxy": "x, EXAMPLE.test:8443"}, None),
        ({"ALL_PROXY": "http://a:1", "no_proxy": ".test"}, None),
        ({"ALL_PROXY": "http://a:1", "no_proxy": "ample.test"}, "http://a:1"),
    ],
)
def test_which_proxy_the_environment_names(environ: dict[str, str], chosen: str | None) -> None:
    found = environment_proxy("example.test:8443", environ)
    assert (None if found is None else found.reveal()) == chosen


async def test_requests_go_through_the_proxy_that_is_given() -> None:
    with raw_server(answering(NOTHING)) as proxy:
        url = f"http://user:hush@{proxy.host}"
        with RestClient("p", "t", "localhost:1", proxy=url) as client:
            assert client.project.tokens.delete("x") == {}
        async with AsyncRestClient("p", "t", "localhost:1", proxy=url) as other:
            assert await other.project.tokens.delete("x") == {}
        assert [line.split(b"\r\n")[0] for line in proxy.received] == [
            b"DELETE http://localhost:1/api/project/tokens/x HTTP/1.1"
        ] * 2
        assert "hush" not in repr(client._driver.endpoint)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SIGNALWIRE_REST_CA_FILE"])
@pytest.mark.parametrize("host", ["example.test", "fabric.localhost"])
def test_a_bundle_of_the_environment_counts_for_every_https_host(
    name: str, host: str, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("certificates")
    assert parse_endpoint(host, environ={name: str(bundle)}).connection.verify == str(bundle)
    with pytest.raises(ValueError) as refused:
        parse_endpoint(host, environ={name: str(tmp_path / "none")})
    assert str(refused.value) == f"{name} does not name a file"


def test_what_is_trusted_in_order(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("")
    two.write_text("")
    own = {"SIGNALWIRE_REST_CA_FILE": str(one)}
    both = own | {"SSL_CERT_FILE": str(two), "SSL_CERT_DIR": str(tmp_path)}
    assert trusted(True, both) == str(one)
    assert trusted(True, {"SSL_CERT_FILE": str(two)} | {"SSL_CERT_DIR": str(tmp_path)}) == str(two)
    assert trusted(True, {"SSL_CERT_DIR": str(tmp_path)}) == str(tmp_path)
    assert trusted(True, {}) is True
    assert trusted(False, both) is False
    assert trusted(two, own) == str(two)
    context = ssl.create_default_context()
    assert trusted(context, both) is context
    with pytest.raises(ValueError) as refused:
        trusted(tmp_path / "none", both)
    assert str(refused.value) == "verify does not name a file or a directory"
    with pytest.raises(ValueError) as refused:
        trusted(True, {"SSL_CERT_DIR": str(one)})
    assert str(refused.value) == "SSL_CERT_DIR does not name a directory"


@pytest.mark.parametrize("broken", ["ca", "cert"])
async def test_what_is_wrong_on_this_machine_is_told_at_once(tmp_path: Path, broken: str) -> None:
    """No retry: the next attempt would find the same file."""
    file = tmp_path / "file.pem"
    file.write_text("no certificate")
    more: dict[str, Any] = {"verify": str(file)} if broken == "ca" else {"cert": str(file)}
    with (
        RestClient("p", "t", "example.test", **more) as client,
        pytest.raises(SignalWireRestTransportError) as refused,
    ):
        client.fabric.tokens.refresh_subscriber_token(refresh_token="r")
    assert refused.value.permanent
    async with AsyncRestClient("p", "t", "example.test", **more) as other:
        with pytest.raises(SignalWireRestTransportError) as refused:
            await other.fabric.tokens.refresh_subscriber_token(refresh_token="r")
    assert refused.value.permanent


def test_a_refused_connection_may_pass() -> None:
    with pytest.raises(SignalWireRestTransportError) as refused:
        RestClient("p", "t", "127.0.0.1:1").fabric.addresses.list()
    assert not refused.value.permanent
