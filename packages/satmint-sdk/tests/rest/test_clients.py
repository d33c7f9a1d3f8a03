"""Both clients, seen from outside: every method, on the wire and in types."""

from __future__ import annotations

import asyncio
import inspect
import json
import pickle
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, assert_type

import httpx
import pytest

from kit.clients import async_client_of, client_of, json_of
from kit.service import API_TOKEN, FakeTokenService
from kit.service import PROJECT as PROJECT_ID
from satmint_sdk._ambient import SYSTEM_CLOCK
from satmint_sdk.rest import (
    AsyncRestClient,
    RequestOptions,
    RestClient,
    SignalWireRestError,
    SignalWireRestTransportError,
)
from satmint_sdk.rest.types import Event, SubscriberToken, TokenPair
from satmint_sdk.testing import FakeClock, FakeEntropy

Seen = tuple[str, str, Any]


class Recorder(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers everything with the same, and keeps what was asked."""

    def __init__(self, answer: httpx.Response | None = None) -> None:
        self.seen: list[Seen] = []
        self.headers: list[httpx.Headers] = []
        self._answer = answer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.read()) if request.read() else None
        self.seen.append((request.method, request.url.raw_path.decode(), body))
        self.headers.append(request.headers)
        return self._answer or httpx.Response(200, json={"ok": True})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self.handle_request(request)


TOKENS, SUBSCRIBERS = "/api/fabric/subscribers/tokens", "/api/fabric/resources/subscribers"
ADDRESSES, PROJECT = "/api/fabric/addresses", "/api/project/tokens"

# What a caller writes, and what must be seen on the wire.
WIRE: list[tuple[str, dict[str, Any], tuple[str, ...], Seen]] = [
    (
        "fabric.tokens.create_subscriber_token",
        {
            "reference": "a@b.c", "expire_at": 1, "application_id": "u", "password": "",
            "first_name": "F", "last_name": "L", "display_name": "D", "job_title": "J",
            "time_zone": "Z", "country": "C", "region": "R", "company_name": "N",
            "fingerprint": "fp", "scope": "sat:refresh",
        },
        (),
        (
            "POST", TOKENS,
            {
                "reference": "a@b.c", "expire_at": 1, "application_id": "u", "password": "",
                "first_name": "F", "last_name": "L", "display_name": "D", "job_title": "J",
                "time_zone": "Z", "country": "C", "region": "R", "company_name": "N",
                "fingerprint": "fp", "scope": "sat:refresh",
            },
        ),
    ),
    (
        "fabric.tokens.create_subscriber_token", {"reference": "r", "scope": ("sat:refresh",)}, (),
        ("POST", TOKENS, {"reference": "r", "scope": ["sat:refresh"]}),
    ),
    (
        "fabric.tokens.refresh_subscriber_token", {"refresh_token": "rt"}, (),
        ("POST", f"{TOKENS}/refresh", {"refresh_token": "rt"}),
    ),
    (
        "fabric.tokens.create_guest_token",
        {"allowed_addresses": ("x", "y"), "expire_at": 2, "region": "r", "ch": "c"}, (),
        (
            "POST", "/api/fabric/guests/tokens",
            {"allowed_addresses": ["x", "y"], "expire_at": 2, "region": "r", "ch": "c"},
        ),
    ),
    (
        "fabric.tokens.create_invite_token", {"address_id": "x", "expires_at": 3}, (),
        ("POST", "/api/fabric/subscriber/invites", {"address_id": "x", "expires_at": 3}),
    ),
    (
        "fabric.tokens.create_embed_token", {"token": "c2c_1"}, (),
        ("POST", "/api/fabric/embeds/tokens", {"token": "c2c_1"}),
    ),
    (
        "fabric.tokens.create_embed_token", {"token": "t", "extras": {"token": None, "n": 1}}, (),
        ("POST", "/api/fabric/embeds/tokens", {"token": None, "n": 1}),
    ),
    ("fabric.subscribers.list", {}, (), ("GET", SUBSCRIBERS, None)),
    (
        "fabric.subscribers.list",
        {"page_size": 5, "page_number": 0, "page_token": "t&", "extras": {"q": "é"}}, (),
        ("GET", f"{SUBSCRIBERS}?page_size=5&page_number=0&page_token=t%26&q=%C3%A9", None),
    ),
    (
        "fabric.subscribers.create", {"email": "a@b.c", "timezone": "Z"}, (),
        ("POST", SUBSCRIBERS, {"email": "a@b.c", "timezone": "Z"}),
    ),
    ("fabric.subscribers.get", {}, ("id-1",), ("GET", f"{SUBSCRIBERS}/id-1", None)),
    ("fabric.subscribers.get", {"resource_id": "i"}, (), ("GET", f"{SUBSCRIBERS}/i", None)),
    (
        "fabric.subscribers.update", {"email": "n@b.c"}, ("id-1",),
        ("PUT", f"{SUBSCRIBERS}/id-1", {"email": "n@b.c"}),
    ),
    ("fabric.subscribers.delete", {}, ("id-1",), ("DELETE", f"{SUBSCRIBERS}/id-1", None)),
    (
        "fabric.subscribers.list_addresses", {"page_size": 2}, ("id-1",),
        ("GET", f"{SUBSCRIBERS}/id-1/addresses?page_size=2", None),
    ),
    (
        "fabric.addresses.list",
        {"type": "room", "display_name": "d", "name": "n", "sort_by": "name", "sort_order": "asc"},
        (),
        ("GET", f"{ADDRESSES}?type=room&display_name=d&name=n&sort_by=name&sort_order=asc", None),
    ),
    ("fabric.addresses.get", {}, ("id-1",), ("GET", f"{ADDRESSES}/id-1", None)),
    (
        "project.tokens.list", {"page_size": 5, "page_token": "t"}, (),
        ("GET", f"{PROJECT}?page_size=5&page_token=t", None),
    ),
    (
        "project.tokens.create", {"name": "n", "permissions": ("calling",)}, (),
        ("POST", PROJECT, {"name": "n", "permissions": ["calling"]}),
    ),
    (
        "project.tokens.update", {"permissions": []}, ("id-1",),
        ("PATCH", f"{PROJECT}/id-1", {"permissions": []}),
    ),
    ("project.tokens.delete", {}, ("id-1",), ("DELETE", f"{PROJECT}/id-1", None)),
]  # fmt: skip


def method_of(client: RestClient | AsyncRestClient, name: str) -> Callable[..., Any]:
    found: Any = client
    for part in name.split("."):
        found = getattr(found, part)
    method: Callable[..., Any] = found
    return method


@pytest.mark.parametrize(
    ("name", "named", "placed", "seen"), WIRE, ids=lambda value: str(value)[:40]
)
async def test_both_clients_put_the_same_on_the_wire(
    name: str, named: dict[str, Any], placed: tuple[str, ...], seen: Seen
) -> None:
    wire = Recorder()
    with RestClient("p", "t", "example.test", transport=wire) as client:
        assert method_of(client, name)(*placed, **named) == {"ok": True}
    async with AsyncRestClient("p", "t", "example.test", transport=wire) as other:
        assert await method_of(other, name)(*placed, **named) == {"ok": True}
    assert wire.seen == [seen, seen]
    assert wire.headers[0]["authorization"] == "Basic cDp0" == wire.headers[1]["authorization"]


def test_every_method_takes_extras_and_request_options() -> None:
    client = RestClient("p", "t", "localhost")
    for name, *_ in WIRE:
        names = inspect.signature(method_of(client, name)).parameters
        assert {"extras", "request_options"} <= names.keys(), name


def test_every_method_has_help() -> None:
    client = RestClient("p", "t", "localhost")
    for name in [*(name for name, *_ in WIRE), "fabric.addresses.paginate"]:
        assert inspect.getdoc(method_of(client, name)), name


def test_the_types_are_those_of_the_client(service: FakeTokenService) -> None:
    client, other = client_of(service), async_client_of(service)
    assert_type(client.fabric.tokens.create_subscriber_token(reference="a"), SubscriberToken)
    waiting = other.fabric.tokens.refresh_subscriber_token(refresh_token="rt")
    assert_type(waiting, Coroutine[Any, Any, TokenPair]).close()
    assert_type(client.satmint.events.paginate(), Iterator[Event])
    assert_type(other.satmint.events.paginate(), AsyncIterator[Event])


def test_a_mistyped_argument_is_refused_before_anything_is_sent() -> None:
    wire = Recorder()
    client = RestClient("p", "t", "localhost", transport=wire)
    with pytest.raises(TypeError):
        method_of(client, "fabric.tokens.create_invite_token")(address_id="x", expire_at=5)
    assert wire.seen == []


@pytest.mark.parametrize(
    ("segment", "path"),
    [
        ("../../../project/tokens", "..%2F..%2F..%2Fproject%2Ftokens"),
        ("a/b?c#d", "a%2Fb%3Fc%23d"),
        ("a b%2F", "a%20b%252F"),
        ("é\r\n", "%C3%A9%0D%0A"),
    ],
)
def test_an_id_cannot_leave_its_folder(segment: str, path: str) -> None:
    wire = Recorder()
    RestClient("p", "t", "localhost", transport=wire).fabric.subscribers.delete(segment)
    assert wire.seen == [("DELETE", f"{SUBSCRIBERS}/{path}", None)]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("api/x", "path must begin with one slash"),
        ("//evil.test/x", "path must begin with one slash"),
        ("https://evil.test/x", "path must begin with one slash"),
        ("/x?y=1", "path must be escaped, and have no query: use the argument query"),
        ("/x#y", "path must be escaped, and have no query: use the argument query"),
        ("/x y", "path must be escaped, and have no query: use the argument query"),
        ("/x\r\nhost: y", "path must be escaped, and have no query: use the argument query"),
        ("/a/../b", "path must have no segments that are dots"),
        ("/a/%2e%2E/b", "path must have no segments that are dots"),
    ],
)
def test_a_path_of_ones_own_stays_on_the_server(path: str, sentence: str) -> None:
    wire = Recorder()
    with pytest.raises(ValueError) as refused:
        RestClient("p", "t", "localhost", transport=wire).request("GET", path)
    assert str(refused.value) == sentence
    assert wire.seen == []


async def test_a_request_of_ones_own_goes_to_any_path() -> None:
    wire, second = Recorder(httpx.Response(200, json=["any", "json"])), Recorder()
    with RestClient("p", "t", "localhost", transport=wire, application="billing/2.1") as client:
        assert client.request("get", "/api/x%2F", query={"a": [1, 2], "b": None}) == ["any", "json"]
    async with AsyncRestClient("p", "t", "localhost", transport=second) as other:
        await other.request("PATCH", "/", body={"a": 1})
    assert wire.seen == [("GET", "/api/x%2F?a=1&a=2", None)]
    assert second.seen == [("PATCH", "/", {"a": 1})]
    agents = [headers["user-agent"] for headers in (*wire.headers, *second.headers)]
    assert agents[0] == f"{agents[1]} billing/2.1"
    with pytest.raises(ValueError):
        client.request("GET /", "/")


@pytest.mark.parametrize("application", ["two words", "a/b/c", "", "a/1\r\nx: y", "é"])
def test_an_application_that_is_no_product_token_is_refused(application: str) -> None:
    with pytest.raises(ValueError) as refused:
        RestClient("p", "t", "localhost", application=application)
    assert str(refused.value) == "application must be a name, or name/version, without blanks"


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_an_id_that_is_a_folder_is_refused(segment: str) -> None:
    wire = Recorder()
    client = RestClient("p", "t", "localhost", transport=wire)
    with pytest.raises(ValueError) as refused:
        client.fabric.subscribers.delete(segment)
    assert str(refused.value) == "an id must not be empty, a dot or two dots"
    assert wire.seen == []


def test_a_redirect_is_not_followed() -> None:
    wire = Recorder(httpx.Response(302, headers={"location": "https://evil.test/"}))
    with pytest.raises(SignalWireRestError) as refused:
        RestClient("p", "t", "example.test", transport=wire).fabric.addresses.list()
    assert refused.value.status_code == 302
    assert len(wire.seen) == 1


def test_a_session_from_sign_in_to_reuse(service: FakeTokenService) -> None:
    with client_of(service) as client:
        first = client.fabric.tokens.create_subscriber_token(reference="alice")
        second = client.fabric.tokens.refresh_subscriber_token(refresh_token=first["refresh_token"])
        third = client.fabric.tokens.refresh_subscriber_token(refresh_token=second["refresh_token"])
        assert service.accepts(third["token"])
        with pytest.raises(SignalWireRestError) as refused:
            client.fabric.tokens.refresh_subscriber_token(refresh_token=first["refresh_token"])
        assert (refused.value.status_code, refused.value.code) == (422, "token_invalid")
        assert refused.value.request_id == "req-1"


def test_a_lost_answer_is_asked_for_again_with_the_same_token(
    service: FakeTokenService, clock: FakeClock
) -> None:
    client = client_of(service)
    first = client.fabric.tokens.create_subscriber_token(reference="alice")
    service.lose_answer(2)
    client.fabric.tokens.refresh_subscriber_token(refresh_token=first["refresh_token"])
    assert service.history == [("created", 0), ("rotated", 1), ("replayed", 1), ("replayed", 1)]
    assert clock.slept == [0.5, 0.5]


def test_callers_that_failed_together_do_not_return_together(
    service: FakeTokenService, clock: FakeClock
) -> None:
    for byte in (0x00, 0x40, 0x80):
        account = (PROJECT_ID, API_TOKEN, "fabric.test", RequestOptions(retries=1))
        client = RestClient(*account, transport=service, clock=clock, entropy=FakeEntropy(byte))
        service.refuse(503, 1)
        client.fabric.tokens.create_subscriber_token(reference="alice")
    assert clock.slept == pytest.approx([0.5, 0.625, 0.75], abs=0.01)


async def test_the_other_client_does_the_same(service: FakeTokenService, clock: FakeClock) -> None:
    client = async_client_of(service)
    first = await client.fabric.tokens.create_subscriber_token(reference="alice")
    service.refuse(500, 1)
    service.lose_answer()
    refreshing = asyncio.ensure_future(
        client.fabric.tokens.refresh_subscriber_token(refresh_token=first["refresh_token"])
    )
    await clock.advance(5)
    assert service.accepts((await refreshing)["token"])
    assert clock.slept == [0.5, 0.5]


def test_a_creation_that_got_lost_is_not_repeated_by_itself(service: FakeTokenService) -> None:
    service.lose_answer()
    with pytest.raises(SignalWireRestTransportError) as lost:
        client_of(service).fabric.tokens.create_subscriber_token(reference="alice")
    assert lost.value.body == "ReadError: the connection was lost"
    assert service.count("created") == 1


def test_a_storm_is_waited_out(service: FakeTokenService, clock: FakeClock) -> None:
    client = client_of(service, RequestOptions(retries=4))
    service.refuse(429, 3, {"retry-after": "11"})
    client.fabric.tokens.create_subscriber_token(reference="alice")
    assert clock.slept == [11.0, 11.0, 11.0]
    assert service.count("created") == 1


def test_options_of_a_call_go_before_those_of_the_client(service: FakeTokenService) -> None:
    client = client_of(service, RequestOptions(retries=4))
    service.refuse(503, 3)
    with pytest.raises(SignalWireRestError):
        client.fabric.tokens.create_subscriber_token(
            reference="alice", request_options=RequestOptions(retries=0)
        )


def test_the_clock_offset_is_measured(service: FakeTokenService) -> None:
    client = client_of(service)
    assert client.clock_offset is None
    service.clock_offset = 3600.0
    client.fabric.tokens.create_subscriber_token(reference="alice")
    assert client.clock_offset == 3600.0


def test_a_timeout_is_no_answer() -> None:
    def too_late(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too late", request=request)

    client = RestClient("p", "t", "localhost", transport=httpx.MockTransport(too_late))
    with pytest.raises(SignalWireRestTransportError) as lost:
        client.fabric.addresses.list(request_options=RequestOptions(timeout=0.1))
    assert lost.value.status_code is None
    assert isinstance(lost.value.__cause__, httpx.ReadTimeout)


def test_a_closed_client_says_so(service: FakeTokenService) -> None:
    client = client_of(service)
    with client:
        client.fabric.tokens.create_subscriber_token(reference="alice")
    client.close()
    with pytest.raises(RuntimeError) as closed:
        client.fabric.tokens.create_subscriber_token(reference="alice")
    assert str(closed.value) == "the client is closed"


async def test_a_closed_async_client_says_so(service: FakeTokenService) -> None:
    client = async_client_of(service)
    async with client:
        await client.fabric.tokens.create_subscriber_token(reference="alice")
    await client.close()
    with pytest.raises(RuntimeError):
        await client.fabric.tokens.create_subscriber_token(reference="alice")


def test_one_async_client_serves_one_loop_after_the_other(service: FakeTokenService) -> None:
    client = async_client_of(service)

    async def sign_in() -> str:
        return (await client.fabric.tokens.create_subscriber_token(reference="a"))["token"]

    assert asyncio.run(sign_in()) != asyncio.run(sign_in())


def test_a_hundred_threads_share_one_client(service: FakeTokenService) -> None:
    client = client_of(service)
    tokens: list[str] = []

    def sign_in(number: int) -> None:
        pair = client.fabric.tokens.create_subscriber_token(reference=f"user-{number}")
        tokens.append(pair["token"])

    threads = [threading.Thread(target=sign_in, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(tokens)) == 100


def test_nothing_that_is_printed_shows_the_api_token(service: FakeTokenService) -> None:
    client = client_of(service)
    shown = " ".join(
        map(repr, (client, client.fabric.tokens, client._driver.endpoint, client._driver.__dict__))
    )
    assert "PT" not in shown
    assert "Basic" not in shown


def test_a_client_is_not_pickled(service: FakeTokenService) -> None:
    with pytest.raises(TypeError) as refused:
        pickle.dumps(client_of(service))
    assert str(refused.value) == "a client holds connections and a secret, and cannot be pickled"


def test_answers_are_plain_dicts(service: FakeTokenService) -> None:
    answer = client_of(service).fabric.tokens.create_subscriber_token(reference="alice")
    assert type(json_of(answer)) is dict
    assert answer.keys() == {"subscriber_id", "token", "refresh_token"}


async def test_a_name_of_this_machine_is_not_asked_for_anywhere() -> None:
    """RFC 6761, section 6.3: `*.localhost` is loopback. The name stays in header and handshake."""
    seen: list[tuple[str, str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sni = request.extensions["sni_hostname"]
        seen.append((str(request.url), request.headers["host"], sni))
        return httpx.Response(404, json={})

    wire = httpx.MockTransport(answer)
    client = RestClient("p", "t", "fabric.localhost:8443", transport=wire)
    with pytest.raises(SignalWireRestError) as refused:
        client.fabric.addresses.list(name="fabric.localhost")
    async with AsyncRestClient("p", "t", "fabric.localhost:8443", transport=wire) as other:
        with pytest.raises(SignalWireRestError):
            await other.fabric.addresses.list(name="fabric.localhost")
    path = "/api/fabric/addresses?name=fabric.localhost"
    connected = f"https://127.0.0.1:8443{path}"
    assert seen == [(connected, "fabric.localhost:8443", "fabric.localhost")] * 2
    assert refused.value.url == f"https://fabric.localhost:8443{path}"


def test_a_proxy_of_the_environment_does_not_come_between(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    service = FakeTokenService(SYSTEM_CLOCK)
    with service.serve() as host, RestClient(PROJECT_ID, API_TOKEN, host) as client:
        assert client.fabric.tokens.create_subscriber_token(reference="alice")["token"]


@pytest.mark.parametrize("host", ["a" * 70 + ".test", "a..test", "xn--.test"])
async def test_a_name_that_is_none_is_no_answer(host: str) -> None:
    with pytest.raises(SignalWireRestTransportError):
        RestClient("p", "t", host).fabric.addresses.list()
    async with AsyncRestClient("p", "t", host) as client:
        with pytest.raises(SignalWireRestTransportError):
            await client.fabric.addresses.list()


def test_a_bundle_that_holds_no_certificate_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificate")
    monkeypatch.setenv("SIGNALWIRE_REST_CA_FILE", str(bundle))
    with pytest.raises(SignalWireRestTransportError):
        RestClient("p", "t", "example.test").fabric.addresses.list()
