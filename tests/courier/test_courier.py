"""From an alert to the receiver that has believed it."""

import json
import socket
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from hmac import digest as hmac_digest
from pathlib import Path
from uuid import UUID

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.courier import Courier, courier, open_network
from satmint.courier.network import NotPublic, is_public
from satmint.flows.revoke import revoke_project, revoke_session
from satmint.flows.webhooks import create_webhook, url_faults
from satmint.model.refusals import Code, Fault
from satmint.model.webhooks import GIVE_UP_SECONDS, Webhook, rest_after
from tests.courier.receiver import Receiver, receiving
from tests.kit.clock import NOW
from tests.kit.service import ORIGIN, Server, a_service

REFUSED = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with a_service(tmp_path, private_webhooks=True) as made:
        yield made


class Post:
    """A courier with what it has counted, and a project's webhook."""

    def __init__(self, server: Server, network: httpcore.AsyncConnectionPool) -> None:
        self.server = server
        self.outcomes: Counter[str] = Counter()
        self.courier = Courier(server.mint, network, lambda one: self.outcomes.update([one]))
        self.secret = b""

    async def webhook(self, url: str) -> Webhook:
        project = self.server.tenant.id
        webhook, secret = await create_webhook(self.server.mint, project, url, ORIGIN)
        kind, _, text = secret.reveal().partition("_")
        assert kind == "whsec"
        self.secret = b64decode(text)
        return webhook

    async def alert(self, reference: str = "ada") -> str:
        """Have a stolen refresh token come back; returns the session."""
        first = await self.server.sign_in(reference)
        second = await self.server.rotate(first["refresh_token"])
        assert (await self.server.info(second["token"])).status_code == 200
        self.server.clock.advance(60)
        assert (await self.server.refresh(first["refresh_token"])).status_code == 422
        return str(self.server.claims(first["token"]).sid)


@asynccontextmanager
async def a_post(server: Server, *, private: bool = True) -> AsyncIterator[Post]:
    async with open_network(private=private) as network:
        yield Post(server, network)


def is_signed(secret: bytes, receiver: Receiver, number: int) -> bool:
    """Check a message as any receiver would, by the text of Standard Webhooks 1.0."""
    headers, body = receiver.headers[number], receiver.bodies[number]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    version, _, text = headers["webhook-signature"].partition(",")
    return version == "v1" and b64decode(text) == hmac_digest(secret, signed, sha256)


async def test_reuse_is_told_with_a_signature_and_without_a_token(server: Server) -> None:
    async with receiving() as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        session = await post.alert()
        assert await post.courier.deliver_due() == 1
        assert await post.courier.deliver_due() == 0
    (headers,), (body,) = receiver.headers, receiver.bodies
    assert headers[""] == "POST /hooks?key=1 HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert headers["webhook-timestamp"] == str(NOW + 60)
    assert is_signed(post.secret, receiver, 0)
    told = json.loads(body)
    assert told["type"] == "reuse_detected"
    assert told["timestamp"].endswith("Z")
    assert told["data"]["session_id"] == session
    assert told["data"]["project_id"] == str(server.tenant.id)
    assert told["data"]["id"] == headers["webhook-id"]
    assert told["data"].keys() <= {
        *("id", "project_id", "subscriber_id", "session_id", "generation"),
        *("cause", "request_id", "address", "agent"),
    }
    assert post.outcomes == {"delivered": 1}


@pytest.mark.parametrize("answer", [REFUSED, MOVED, b"", b"nonsense\r\n\r\n"])
async def test_what_does_not_arrive_is_tried_again_with_the_same_id_and_a_new_signature(
    server: Server, answer: bytes
) -> None:
    async with receiving(answer, answer) as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await post.alert()
        assert await post.courier.deliver_due() == 1
        for attempt in (1, 2):
            server.clock.advance(rest_after(attempt) - 1)
            assert await post.courier.deliver_due() == 0
            server.clock.advance(1)
            assert await post.courier.deliver_due() == 1
    assert post.outcomes == {"failed": 2, "delivered": 1}
    assert len({headers["webhook-id"] for headers in receiver.headers}) == 1
    assert len({headers["webhook-timestamp"] for headers in receiver.headers}) == 3
    assert len(set(receiver.bodies)) == 1
    assert all(is_signed(post.secret, receiver, number) for number in range(3))


async def test_courier_that_dies_on_the_way_is_followed_by_another(server: Server) -> None:
    async with receiving() as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await post.alert()
        taken = await server.mint.store.webhooks.take_due(
            server.clock.now(), server.clock.now() + 60, 10
        )
        assert len(taken) == 1
        assert await post.courier.deliver_due() == 0
        server.clock.advance(60)
        assert await post.courier.deliver_due() == 1
    assert len(receiver.bodies) == 1


async def test_after_three_days_nobody_is_told_any_more(server: Server) -> None:
    async with receiving(REFUSED) as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await post.alert()
        server.clock.advance(GIVE_UP_SECONDS)
        assert await post.courier.deliver_due() == 1
        server.clock.advance(GIVE_UP_SECONDS)
        assert await post.courier.deliver_due() == 0
    assert post.outcomes == {"given_up": 1}


async def test_receiver_that_is_gone_holds_up_no_other(server: Server) -> None:
    async with receiving() as receiver, a_post(server) as post:
        await post.webhook("http://127.0.0.1:1/")
        await post.webhook(receiver.url)
        await post.alert()
        assert await post.courier.deliver_due() == 2
    assert post.outcomes == {"failed": 1, "delivered": 1}
    assert len(receiver.bodies) == 1


async def test_who_never_answers_and_has_much_to_be_told_does_not_keep_others_waiting(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "_WHOLE_SECONDS", 0.2)
    mint, mallory = server.mint, server.tenant.id
    victim = await server.another_tenant()
    tarpit = socket.create_server(("127.0.0.1", 0), backlog=64)  # the system lets in, nobody reads
    async with receiving() as receiver, a_post(server) as post:
        for number in range(10):
            await post.webhook(f"http://127.0.0.1:{tarpit.getsockname()[1]}/{number}")
        await create_webhook(mint, victim.id, receiver.url, ORIGIN)
        for number in range(20):
            pair = await server.sign_in(f"user-{number}")
            await revoke_session(mint, mallory, server.claims(pair["token"]).sid, ORIGIN)
        server.clock.advance(1)
        await revoke_project(mint, victim.id, ORIGIN)
        assert await post.courier.deliver_due() == 20
        assert await post.courier.deliver_due() == 1
        assert len(receiver.bodies) == 1
    tarpit.close()
    assert post.outcomes == {"failed": 20, "delivered": 1}


async def test_secret_outlives_the_key_that_sealed_it(server: Server) -> None:
    mint = server.mint
    async with receiving() as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await post.alert()
        old = mint.safe.keyring.active.id
        mint.safe.reload(mint.safe.keyring.rotate(mint.entropy, NOW))
        await post.courier.seal_anew()
        mint.safe.reload(mint.safe.keyring.without(old))
        await post.courier.deliver_due()
    assert post.outcomes == {"delivered": 1}
    assert is_signed(post.secret, receiver, 0)


async def test_without_its_secret_nothing_is_sent(server: Server) -> None:
    mint = server.mint
    async with receiving() as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await post.alert()
        old = mint.safe.keyring.active.id
        mint.safe.reload(mint.safe.keyring.rotate(mint.entropy, NOW).without(old))
        await post.courier.deliver_due()
        await post.courier.seal_anew()
        server.clock.advance(rest_after(1))
        await post.courier.deliver_due()
    assert receiver.bodies == []
    assert post.outcomes == {"failed": 2}


async def test_node_that_starts_with_an_older_keyring_destroys_no_secret(server: Server) -> None:
    mint = server.mint
    async with receiving() as receiver, a_post(server) as post:
        before = mint.safe.keyring
        after = before.rotate(mint.entropy, NOW)
        mint.safe.reload(after)
        await post.webhook(receiver.url)
        await post.alert()
        mint.safe.reload(before)  # as one that the new key has not reached
        late = Courier(mint, httpcore.AsyncConnectionPool(), lambda _outcome: None)
        await late.seal_anew()
        mint.safe.reload(after)
        await post.courier.seal_anew()
        await post.courier.deliver_due()
    assert post.outcomes == {"delivered": 1}
    assert is_signed(post.secret, receiver, 0)


async def test_keyring_that_rotates_while_secrets_are_sealed_anew_holds_nobody_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    mint = server.mint
    async with a_post(server) as post:
        webhooks = [await post.webhook(f"https://hooks.example/{number}") for number in range(3)]
        mint.safe.reload(mint.safe.keyring.rotate(mint.entropy, NOW))
        store, ask = mint.store.webhooks, mint.store.webhooks.sealed_otherwise

        async def ask_and_rotate(key_id: str, after: UUID, limit: int) -> Sequence[Webhook]:
            found = await ask(key_id, after, limit)
            mint.safe.reload(mint.safe.keyring.rotate(mint.entropy, NOW))
            return found

        with monkeypatch.context() as patched:
            patched.setattr(type(store), "sealed_otherwise", staticmethod(ask_and_rotate))
            await post.courier.seal_anew()
        await post.courier.seal_anew()
        assert await ask(mint.safe.keyring.active.id, UUID(int=0), 10) == ()
    assert len(webhooks) == 3


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "10.0.0.7", "169.254.169.254", "localhost", "0.0.0.0", "[::]"]
)
async def test_server_does_not_knock_at_private_doors(server: Server, host: str) -> None:
    """Server-side request forgery: the URL is a customer's."""
    async with receiving() as receiver, a_post(server, private=False) as post:
        port = receiver.url.split(":")[2].split("/")[0]
        await post.webhook(f"http://{host}:{port}/")
        await post.alert()
        await post.courier.deliver_due()
    assert receiver.bodies == []
    assert post.outcomes == {"failed": 1}


async def test_private_door_is_known_by_name_too() -> None:
    async with open_network(private=False) as network:
        with pytest.raises(NotPublic):
            await network.request("GET", "http://localhost:9/")


@pytest.mark.parametrize(
    "address",
    [
        *("64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::a00:7"),  # NAT64
        *("::ffff:10.0.0.7", "::ffff:127.0.0.1", "::ffff:0:10.0.0.7"),  # mapped, translated
        *("::10.0.0.7", "::127.0.0.1", "2002:a00:7::1", "2002:7f00:1::"),  # compatible, 6to4
        *("2001:0:a00:7::1", "fec0::1", "fd00:ec2::254", "fe80::1%eth0", "::1", "::"),
        *("3fff::1", "2001:db8::1", "5f00::1", "100::1", "ff02::1", "4000::1"),
        *("0.0.0.0", "0.1.2.3", "100.64.0.1", "169.254.169.254", "192.0.0.192", "198.18.0.1"),
        *("168.63.129.16", "64:ff9b::c000:c0", "192.88.99.1"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255", "127.1.2.3", "172.16.0.1", "192.168.0.1"),
    ],
)
def test_private_door_is_known_in_whatever_disguise(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_door_may_be_knocked_at(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://a@hooks.example/", "Url must be an https URL without credentials and fragment"),
        ("http://hooks.example/", "Url must be an https URL without credentials and fragment"),
        ("https://hooks.example/#", ""),
        ("https://hooks.example/#x", "Url must be an https URL without credentials and fragment"),
        (
            "https://b\u00fccher.example/",
            "Url must be ASCII: a host in punycode, a path percent-encoded",
        ),
        (
            "https://\u2460.\u2461.\u2462.\u2463/",
            "Url must be ASCII: a host in punycode, a path percent-encoded",
        ),
        ("https:///x", "Url must name a host, in at most 2048 characters without spaces"),
        ("https://h/a b", "Url must name a host, in at most 2048 characters without spaces"),
        (
            "https://h/" + "x" * 2048,
            "Url must name a host, in at most 2048 characters without spaces",
        ),
        ("https://hooks.example:0/", "Url must have a port from 1 to 65535, or none"),
        ("https://hooks.example:65536/", "Url must have a port from 1 to 65535, or none"),
        ("https://hooks.example:x/", "Url must have a port from 1 to 65535, or none"),
        ("https://hooks.example:8443/a?b=c", ""),
    ],
)
async def test_url_to_which_nothing_can_be_sent_is_refused_at_once(
    tmp_path: Path, url: str, says: str
) -> None:
    async with a_service(tmp_path) as server:
        faults = url_faults(server.mint, url)
    assert faults == ([Fault(Code.INVALID_PARAMETER, says, "url")] if says else [])


@given(attempt=st.integers(1, 10_000))
def test_rests_grow_to_an_hour_and_stay_there(attempt: int) -> None:
    assert 5 <= rest_after(attempt) <= rest_after(attempt + 1) <= 3600


async def test_endless_answer_is_not_waited_for(server: Server) -> None:
    endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
    async with receiving(endless) as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await post.alert()
        await post.courier.deliver_due()
    assert post.outcomes == {"delivered": 1}
    assert UUID(receiver.headers[0]["webhook-id"]).version == 7
