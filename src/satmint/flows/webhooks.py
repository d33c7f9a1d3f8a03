"""Create, list and delete a project's webhooks. `satmint.webhooks` delivers their messages."""

from base64 import b64encode
from typing import Final
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from satmint.flows.policy import Policy
from satmint.flows.service_context import ServiceContext
from satmint.jose.secret_box import SecretBox
from satmint.jose.token_cipher import CannotOpen
from satmint.model.events import EventKind, Origin
from satmint.model.listing import Page, Window
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable
from satmint.model.secrets import SecretText
from satmint.model.webhooks import SECRET_BYTES, SECRET_PREFIX, Webhook
from satmint.store.contract import Store

MAX_PER_PROJECT: Final = 10
_MAX_URL_LENGTH: Final = 2048


async def create_webhook(
    services: ServiceContext, project: UUID, url: str, origin: Origin
) -> tuple[Webhook, SecretText]:
    """Create a webhook that sends messages to `url`. The signing secret is returned only here.

    Raises:
        Unprocessable: the URL is not allowed, or the project already has `MAX_PER_PROJECT`.
    """
    if field_errors := url_errors(services.policy, url):
        raise Unprocessable(*field_errors)
    now, secret = services.clock.now(), services.entropy.take(SECRET_BYTES)
    webhook = Webhook(services.new_id(), project, url, services.secret_box.seal(secret), now)
    event = services.new_event(EventKind.WEBHOOK_CREATED, project, origin, now, subject=webhook.id)
    if not await services.store.webhooks.add(webhook, MAX_PER_PROJECT, event):
        message = f"A project has at most {MAX_PER_PROJECT} webhooks"
        raise Unprocessable(FieldError(Code.INVALID_PARAMETER, message))
    return webhook, SecretText(SECRET_PREFIX + b64encode(secret).decode("ascii"))


async def list_webhooks(store: Store, project: UUID, window: Window) -> Page[Webhook]:
    """One page of a project's webhooks."""
    return await store.webhooks.list(project, window)


async def delete_webhook(
    services: ServiceContext, project: UUID, webhook: UUID, origin: Origin
) -> None:
    """Delete a webhook and its pending deliveries.

    Raises:
        NotFound: the project has no such webhook.
    """
    now = services.clock.now()
    event = services.new_event(EventKind.WEBHOOK_DELETED, project, origin, now, subject=webhook)
    if not await services.store.webhooks.delete(project, webhook, event):
        raise NotFound("webhook")


def url_errors(policy: Policy, url: str) -> list[FieldError]:
    """Errors in the URL of a webhook.

    The host's addresses are checked when a message is sent, because they may change.
    """
    parts = urlsplit(url)
    schemes = ("https", "http") if policy.private_webhooks else ("https",)
    message = ""
    if parts.scheme not in schemes or "@" in parts.netloc or parts.fragment:
        message = "Url must be an https URL without credentials and fragment"
    elif not url.isascii():
        # A host with other characters has several encodings, and a request line permits only ASCII.
        message = "Url must be ASCII: a host in punycode, a path percent-encoded"
    elif len(url) > _MAX_URL_LENGTH or not parts.hostname or not url.isprintable() or " " in url:
        message = f"Url must name a host, in at most {_MAX_URL_LENGTH} characters without spaces"
    elif not _has_valid_port(parts):
        message = "Url must have a port from 1 to 65535, or none"
    return [FieldError(Code.INVALID_PARAMETER, message, "url")] if message else []


def _has_valid_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def open_secret(secret_box: SecretBox, webhook: Webhook) -> bytes | None:
    """The secret that signs the webhook's messages. None: no key of the keyring decrypts it."""
    try:
        return secret_box.open(webhook.sealed_secret)
    except CannotOpen:
        return None
