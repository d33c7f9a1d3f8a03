"""Create, list and delete a project's webhooks. `satmint.webhooks` delivers their messages."""

from base64 import b64encode
from typing import Final
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from satmint.flows.policy import Policy
from satmint.flows.repetitions import result_unavailable
from satmint.flows.service_context import ServiceContext
from satmint.jose.secret_box import SecretBox
from satmint.jose.token_cipher import CannotOpen
from satmint.model.events import EventKind, Origin
from satmint.model.listing import Page, Window
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable
from satmint.model.rotation import is_concurrent
from satmint.model.secrets import SecretText
from satmint.model.webhooks import SECRET_BYTES, SECRET_PREFIX, Webhook
from satmint.store.contract import Store

MAX_PER_PROJECT: Final = 10
SECRET_LOST: Final = "secret_lost"  # noqa: S105 - a reason
"""`AttemptResult.error` if no key of the keyring decrypts the secret."""
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
    sealed, webhook_id = services.secret_box.seal(secret), services.new_resource_id()
    webhook = Webhook(webhook_id, project, url, sealed, now)
    event = services.new_event(EventKind.WEBHOOK_CREATED, project, origin, now, subject=webhook.id)
    keyed = services.keyed
    if not await services.store.webhooks.add(webhook, MAX_PER_PROJECT, event, keyed):
        message = f"A project has at most {MAX_PER_PROJECT} webhooks"
        raise Unprocessable(FieldError(Code.INVALID_PARAMETER, message))
    return webhook, _secret_text(secret)


async def repeat_webhook(
    services: ServiceContext, project: UUID, webhook: UUID
) -> tuple[Webhook, SecretText]:
    """The webhook that an earlier request with the same idempotency key has created.

    Raises:
        NotFound: it was deleted.
        Unprocessable: a message was sent to it already, or its secret cannot be decrypted.
    """
    found = await webhook_of(services.store, project, webhook)
    age = services.clock.now() - found.created_at
    if found.is_secret_used and not is_concurrent(age):
        raise result_unavailable("used")
    secret = open_secret(services.secret_box, found)
    if secret is None:
        raise result_unavailable("key_removed")
    return found, _secret_text(secret)


def _secret_text(secret: bytes) -> SecretText:
    return SecretText(SECRET_PREFIX + b64encode(secret).decode("ascii"))


async def list_webhooks(store: Store, project: UUID, window: Window) -> Page[Webhook]:
    """One page of a project's webhooks."""
    return await store.webhooks.list(project, window)


async def webhook_of(store: Store, project: UUID, webhook: UUID) -> Webhook:
    """One webhook.

    Raises:
        NotFound: the project has none of that id.
    """
    return _found(await store.webhooks.get(project, webhook))


async def pause_webhook(
    services: ServiceContext, project: UUID, webhook: UUID, origin: Origin
) -> Webhook:
    """Send nothing to a webhook until it is resumed. Its deliveries wait, as long as others would.

    Raises:
        NotFound: the project has no such webhook.
    """
    now = services.clock.now()
    event = services.new_event(EventKind.WEBHOOK_PAUSED, project, origin, now, subject=webhook)
    return _found(await services.store.webhooks.pause(project, webhook, now, event))


async def resume_webhook(
    services: ServiceContext, project: UUID, webhook: UUID, origin: Origin
) -> Webhook:
    """End the pause of a webhook, also one after failures.

    Raises:
        NotFound: the project has no such webhook.
    """
    now = services.clock.now()
    event = services.new_event(EventKind.WEBHOOK_RESUMED, project, origin, now, subject=webhook)
    return _found(await services.store.webhooks.resume(project, webhook, event))


def _found(webhook: Webhook | None) -> Webhook:
    if webhook is None:
        raise NotFound("webhook")
    return webhook


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
    try:
        parts = urlsplit(url)
    except ValueError:  # such as half an IPv6 address
        return [FieldError(Code.INVALID_PARAMETER, "Url must be an https URL", "url")]
    message = ""
    if parts.scheme == "http" and not policy.private_webhooks:
        message = (
            "Url must use https: for http and private networks, the server needs"
            " SATMINT_PRIVATE_WEBHOOKS=true"
        )
    elif parts.scheme not in ("https", "http") or "@" in parts.netloc or parts.fragment:
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
