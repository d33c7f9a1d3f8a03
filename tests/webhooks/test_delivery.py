"""From an alert to the receiver that has believed it."""

import json
from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256
from hmac import digest as hmac_digest
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from satmint.flows.webhooks import url_errors
from satmint.model.refusals import Code, FieldError
from satmint.model.times import iso
from satmint.model.webhooks import GIVE_UP_SECONDS, LEASE_SECONDS, Webhook, retry_delay
from satmint.webhooks import Sender, WebhookDispatcher
from satmint.webhooks.network import NotPublic, is_public
from tests.kit.clock import NOW
from tests.kit.service import Server, a_service
from tests.webhooks.post import a_post
from tests.webhooks.receiver import Receiver, receiving

REFUSED = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"


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
        assert await post.dispatcher.deliver_due() == 1
        assert await post.dispatcher.deliver_due() == 0
    (headers,), (body,) = receiver.headers, receiver.bodies
    assert headers[""] == "POST /hooks?key=1 HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert headers["webhook-timestamp"] == str(NOW + 60)
    assert is_signed(post.secret, receiver, 0)
    told = json.loads(body)
    assert told["type"] == "reuse_detected"
    assert told["timestamp"].endswith("Z")
    assert told["data"]["session_id"] == session
    assert told["data"]["reference"] == "ada"
    assert told["data"]["project_id"] == str(server.tenant.id)
    assert told["data"]["id"] == headers["webhook-id"]
    assert told["data"].keys() <= {
        *("id", "project_id", "subscriber_id", "reference", "session_id", "generation"),
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
        assert await post.dispatcher.deliver_due() == 1
        for attempt in (1, 2):
            server.clock.advance(retry_delay(attempt) - 1)
            assert await post.dispatcher.deliver_due() == 0
            server.clock.advance(1)
            assert await post.dispatcher.deliver_due() == 1
    assert post.outcomes == {"failed": 2, "delivered": 1}
    assert len({headers["webhook-id"] for headers in receiver.headers}) == 1
    assert len({headers["webhook-timestamp"] for headers in receiver.headers}) == 3
    assert len(set(receiver.bodies)) == 1
    assert all(is_signed(post.secret, receiver, number) for number in range(3))


async def test_delivery_of_a_dispatcher_that_dies_is_taken_over(server: Server) -> None:
    async with receiving() as receiver, a_post(server) as post:
        webhook = await post.webhook(receiver.url)
        await post.alert()
        store, now = server.services.store.webhooks, server.clock.now()
        assert len(await store.claim_due(webhook, now, now + LEASE_SECONDS, 10)) == 1
        server.clock.advance(LEASE_SECONDS - 1)
        assert await post.dispatcher.deliver_due() == 0
        server.clock.advance(1)
        assert await post.dispatcher.deliver_due() == 1
    assert len(receiver.bodies) == 1


async def test_after_three_days_nobody_is_told_any_more(server: Server) -> None:
    async with receiving(REFUSED) as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await post.alert()
        server.clock.advance(GIVE_UP_SECONDS)
        assert await post.dispatcher.deliver_due() == 1
        server.clock.advance(GIVE_UP_SECONDS)
        assert await post.dispatcher.deliver_due() == 0
    assert post.outcomes == {"given_up": 1}


async def test_receiver_that_is_gone_holds_up_no_other(server: Server) -> None:
    async with receiving() as receiver, a_post(server) as post:
        await post.webhook("http://127.0.0.1:1/")
        await post.webhook(receiver.url)
        await post.alert()
        assert await post.dispatcher.deliver_due() == 2
    assert post.outcomes == {"failed": 1, "delivered": 1}
    assert len(receiver.bodies) == 1


async def test_secret_outlives_the_key_that_sealed_it(server: Server) -> None:
    services = server.services
    async with receiving() as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await post.alert()
        old = services.cipher.keyring.active.id
        services.cipher.reload(services.cipher.keyring.rotate(services.entropy, NOW))
        await post.dispatcher.reseal()
        services.cipher.reload(services.cipher.keyring.remove(old))
        await post.dispatcher.deliver_due()
    assert post.outcomes == {"delivered": 1}
    assert is_signed(post.secret, receiver, 0)


async def test_without_its_secret_nothing_is_sent(server: Server) -> None:
    services = server.services
    async with receiving() as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await post.alert()
        old = services.cipher.keyring.active.id
        services.cipher.reload(services.cipher.keyring.rotate(services.entropy, NOW).remove(old))
        await post.dispatcher.deliver_due()
        await post.dispatcher.reseal()
        server.clock.advance(retry_delay(1))
        await post.dispatcher.deliver_due()
    assert receiver.bodies == []
    assert post.outcomes == {"failed": 2}


async def test_node_that_starts_with_an_older_keyring_destroys_no_secret(server: Server) -> None:
    services = server.services
    async with receiving() as receiver, a_post(server) as post:
        before = services.cipher.keyring
        after = before.rotate(services.entropy, NOW)
        services.cipher.reload(after)
        await post.webhook(receiver.url)
        await post.alert()
        services.cipher.reload(before)  # as one that the new key has not reached
        late = WebhookDispatcher(services, Sender(private=True), lambda _outcome: None)
        await late.reseal()
        services.cipher.reload(after)
        await post.dispatcher.reseal()
        await post.dispatcher.deliver_due()
    assert post.outcomes == {"delivered": 1}
    assert is_signed(post.secret, receiver, 0)


async def test_keyring_that_rotates_while_secrets_are_sealed_anew_holds_nobody_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = server.services
    async with a_post(server) as post:
        webhooks = [await post.webhook(f"https://hooks.example/{number}") for number in range(3)]
        services.cipher.reload(services.cipher.keyring.rotate(services.entropy, NOW))
        store, ask = services.store.webhooks, services.store.webhooks.sealed_with_other_key

        async def ask_and_rotate(key_id: str, after: UUID, limit: int) -> Sequence[Webhook]:
            found = await ask(key_id, after, limit)
            services.cipher.reload(services.cipher.keyring.rotate(services.entropy, NOW))
            return found

        with monkeypatch.context() as patched:
            patched.setattr(type(store), "sealed_with_other_key", staticmethod(ask_and_rotate))
            await post.dispatcher.reseal()
        await post.dispatcher.reseal()
        assert await ask(services.cipher.keyring.active.id, UUID(int=0), 10) == ()
    assert len(webhooks) == 3


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "10.0.0.7", "169.254.169.254", "localhost", "0.0.0.0", "[::]"]
)
async def test_webhook_to_a_private_address_is_not_sent(server: Server, host: str) -> None:
    """Server-side request forgery: the URL is a customer's."""
    async with receiving() as receiver, a_post(server, private=False) as post:
        port = receiver.url.split(":")[2].split("/")[0]
        await post.webhook(f"http://{host}:{port}/")
        await post.alert()
        await post.dispatcher.deliver_due()
    assert receiver.bodies == []
    assert post.outcomes == {"failed": 1}


async def test_error_does_not_tell_what_the_network_has(server: Server) -> None:
    """Neither a name that does not exist, nor a private address, nor a port that is closed."""
    path, auth = "/api/satmint/webhooks", server.tenant.auth
    for private in (False, True):
        async with a_post(server, private=private) as post:
            made = [
                await post.webhook(url)
                for url in (
                    *("http://name.invalid/", "http://localhost:1/", "http://127.0.0.1:1/"),
                    "https://127.0.0.1:1/",
                )
            ]
            await post.alert(f"user-{private}")
            with capture_logs() as lines:
                assert await post.dispatcher.deliver_due() == 4
        assert post.outcomes == {"failed": 4}
        # The log has the same word, and beside it what is for the operator alone.
        failed = [line for line in lines if line["event"] in {"webhook_failed", "webhook_paused"}]
        reasons = {"name_not_resolved", "connection_refused"} if private else {"unreachable"}
        assert {line["reason"] for line in failed} == reasons
        assert ("ConnectError" in {line["detail"] for line in failed}) is not private
        assert ("NotPublic" in {line["detail"] for line in failed}) is not private
        listed = (await server.client.get(path, auth=auth)).json()["data"]
        assert {(one["state"], one["last_error"]) for one in listed} == {
            ("paused", reason) for reason in reasons
        }
        assert {one["next_try_at"] for one in listed} == {iso(server.clock.now() + 5)}
        for one in made:
            assert (await server.client.delete(f"{path}/{one.id}", auth=auth)).status_code == 204


async def test_name_of_a_private_address_is_refused() -> None:
    async with Sender(private=False) as sender:
        network = await sender.open()
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
def test_private_address_is_recognised_in_every_notation(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_address_is_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://a@hooks.example/", "Url must be an https URL without credentials and fragment"),
        (
            "http://hooks.example/",
            (
                "Url must use https: for http and private networks, the server needs"
                " SATMINT_PRIVATE_WEBHOOKS=true"
            ),
        ),
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
        faults = url_errors(server.services.policy, url)
    assert faults == ([FieldError(Code.INVALID_PARAMETER, says, "url")] if says else [])


@given(attempt=st.integers(1, 10_000))
def test_rests_grow_to_an_hour_and_stay_there(attempt: int) -> None:
    assert 5 <= retry_delay(attempt) <= retry_delay(attempt + 1) <= 3600


async def test_endless_answer_is_not_waited_for(server: Server) -> None:
    endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
    async with receiving(endless) as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await post.alert()
        await post.dispatcher.deliver_due()
    assert post.outcomes == {"delivered": 1}
    assert UUID(receiver.headers[0]["webhook-id"]).version == 7
