"""A project's webhooks: which URLs are allowed, how many there are, and whose they are."""

from base64 import b64decode
from uuid import UUID

import pytest

from satmint.flows.policy import Policy
from satmint.flows.webhook_deliveries import test_webhook as try_webhook
from satmint.flows.webhooks import (
    create_webhook,
    delete_webhook,
    list_webhooks,
    open_secret,
    repeat_webhook,
    url_errors,
)
from satmint.model.deliveries import AttemptResult
from satmint.model.events import EventKind
from satmint.model.listing import Window
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable
from satmint.model.webhooks import OutgoingMessage
from tests.kit.service import ORIGIN, Server

URL = "https://example.com/hooks"
SCHEME = "Url must be an https URL without credentials and fragment"
PLAIN = (
    "Url must use https: for http and private networks, the server needs"
    " SATMINT_PRIVATE_WEBHOOKS=true"
)
ASCII = "Url must be ASCII: a host in punycode, a path percent-encoded"
HOST = "Url must name a host, in at most 2048 characters without spaces"
PORT = "Url must have a port from 1 to 65535, or none"
LONGEST = "https://example.com/" + "a" * (2048 - len("https://example.com/"))


@pytest.mark.parametrize(
    "url",
    [URL, "https://example.com:1", "https://example.com:65535/?a=b", "https://[::1]/", LONGEST],
)
def test_url_that_is_allowed(url: str) -> None:
    assert url_errors(Policy(), url) == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/", PLAIN),
        ("http://127.0.0.1:8000/", PLAIN),
        ("http://localhost/", PLAIN),
        ("ftp://example.com/", SCHEME),
        ("example.com", SCHEME),
        ("https://user@example.com/", SCHEME),
        ("https://example.com/#part", SCHEME),
        ("https://exämple.com/", ASCII),
        ("https://example.com/ä", ASCII),
        ("https://[::1", "Url must be an https URL"),
        ("https:///path", HOST),
        ("https://:443/", HOST),
        ("https://example.com/a b", HOST),
        ("https://example.com/\x7f", HOST),
        (LONGEST + "a", HOST),
        ("https://example.com:0/", PORT),
        ("https://example.com:65536/", PORT),
        ("https://example.com:port/", PORT),
    ],
)
def test_url_that_is_refused_says_why(url: str, message: str) -> None:
    assert url_errors(Policy(), url) == [FieldError(Code.INVALID_PARAMETER, message, "url")]


def test_url_without_tls_is_allowed_only_with_private_webhooks() -> None:
    assert url_errors(Policy(private_webhooks=True), "http://127.0.0.1/") == []
    assert url_errors(Policy(private_webhooks=True), "ftp://127.0.0.1/") != []


async def test_webhook_is_created_with_a_secret_that_is_shown_once(server: Server) -> None:
    project, services = server.tenant.id, server.services
    webhook, secret = await create_webhook(services, project, URL, ORIGIN)
    assert (webhook.project, webhook.url) == (project, URL)
    prefix, _, encoded = secret.reveal().partition("_")
    assert prefix == "whsec"
    assert open_secret(services.secret_box, webhook) == b64decode(encoded)
    assert (await list_webhooks(services.store, project, Window(10))).items == (webhook,)
    assert (await server.events())[-1] is EventKind.WEBHOOK_CREATED


async def test_webhook_with_a_refused_url_is_not_created(server: Server) -> None:
    with pytest.raises(Unprocessable) as refused:
        await create_webhook(server.services, server.tenant.id, "http://example.com/", ORIGIN)
    assert refused.value.field_errors == (FieldError(Code.INVALID_PARAMETER, PLAIN, "url"),)


async def test_project_has_at_most_ten_webhooks(server: Server) -> None:
    for _ in range(10):
        await create_webhook(server.services, server.tenant.id, URL, ORIGIN)
    with pytest.raises(Unprocessable) as refused:
        await create_webhook(server.services, server.tenant.id, URL, ORIGIN)
    message = "A project has at most 10 webhooks"
    assert refused.value.field_errors == (FieldError(Code.INVALID_PARAMETER, message),)
    other = await server.another_tenant()
    await create_webhook(server.services, other.id, URL, ORIGIN)


async def test_webhook_is_deleted_once_and_by_its_own_project(server: Server) -> None:
    services, project = server.services, server.tenant.id
    webhook, _ = await create_webhook(services, project, URL, ORIGIN)
    other = await server.another_tenant()
    for owner, unknown in ((other.id, webhook.id), (project, UUID(int=7))):
        with pytest.raises(NotFound):
            await delete_webhook(services, owner, unknown, ORIGIN)
    await delete_webhook(services, project, webhook.id, ORIGIN)
    assert (await server.events())[-1] is EventKind.WEBHOOK_DELETED
    with pytest.raises(NotFound):
        await delete_webhook(services, project, webhook.id, ORIGIN)


async def test_secret_whose_key_was_removed_is_neither_used_nor_shown_again(
    server: Server,
) -> None:
    services, project = server.services, server.tenant.id
    webhook, secret = await create_webhook(services, project, URL, ORIGIN)
    found, again = await repeat_webhook(services, project, webhook.id)
    assert (found, again.reveal()) == (webhook, secret.reveal())
    old = services.cipher.keyring.active.id
    rotated = services.cipher.keyring.rotate(services.entropy, services.clock.now())
    services.cipher.reload(rotated.remove(old))
    assert open_secret(services.secret_box, webhook) is None
    with pytest.raises(Unprocessable, match="key_removed"):
        await repeat_webhook(services, project, webhook.id)

    class Unused:
        async def send(self, message: OutgoingMessage, secret: bytes, now: int) -> AttemptResult:
            raise AssertionError((message.url, len(secret), now))

    result = await try_webhook(services, Unused(), project, webhook.id, ORIGIN)
    assert result == AttemptResult("secret_lost")
