"""Webhooks of a project: making, listing, deleting them. `satmint.courier` carries the messages."""

from base64 import b64encode
from typing import Final
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from satmint.flows.mint import Mint
from satmint.jose.sealing import CannotOpen
from satmint.model.events import EventKind, Origin
from satmint.model.listing import Page, Window
from satmint.model.refusals import Code, Fault, NotFound, Unprocessable
from satmint.model.secrets import SecretText
from satmint.model.webhooks import SECRET_BYTES, SECRET_PREFIX, Webhook

MOST_PER_PROJECT: Final = 10
_LONGEST_URL: Final = 2048


async def create_webhook(
    mint: Mint, project: UUID, url: str, origin: Origin
) -> tuple[Webhook, SecretText]:
    """Have a project be told at `url`. The signing secret is returned here and nowhere ever again.

    Raises:
        Unprocessable: the URL cannot be used, or the project has `MOST_PER_PROJECT` already.
    """
    if faults := url_faults(mint, url):
        raise Unprocessable(*faults)
    now, secret = mint.clock.now(), mint.entropy.take(SECRET_BYTES)
    webhook = Webhook(mint.new_id(), project, url, mint.vault.seal(secret), now)
    event = mint.event(EventKind.WEBHOOK_CREATED, project, origin, now, subject=webhook.id)
    if not await mint.store.webhooks.add(webhook, MOST_PER_PROJECT, event):
        message = f"A project has at most {MOST_PER_PROJECT} webhooks"
        raise Unprocessable(Fault(Code.INVALID_PARAMETER, message))
    return webhook, SecretText(SECRET_PREFIX + b64encode(secret).decode("ascii"))


async def list_webhooks(mint: Mint, project: UUID, window: Window) -> Page[Webhook]:
    """A project's webhooks."""
    return await mint.store.webhooks.list(project, window)


async def delete_webhook(mint: Mint, project: UUID, webhook: UUID, origin: Origin) -> None:
    """Tell it nothing more, not even what has happened already.

    Raises:
        NotFound: the project has no such webhook.
    """
    now = mint.clock.now()
    event = mint.event(EventKind.WEBHOOK_DELETED, project, origin, now, subject=webhook)
    if not await mint.store.webhooks.delete(project, webhook, event):
        raise NotFound("webhook")


def url_faults(mint: Mint, url: str) -> list[Fault]:
    """What is wrong with where a project wants to be told.

    Where a name leads is looked at when something is sent, since that may change.
    """
    parts = urlsplit(url)
    schemes = ("https", "http") if mint.policy.private_webhooks else ("https",)
    says = ""
    if parts.scheme not in schemes or "@" in parts.netloc or parts.fragment:
        says = "Url must be an https URL without credentials and fragment"
    elif not url.isascii():
        # A name of other letters has several readings, and a request's line has room for none.
        says = "Url must be ASCII: a host in punycode, a path percent-encoded"
    elif len(url) > _LONGEST_URL or not parts.hostname or not url.isprintable() or " " in url:
        says = f"Url must name a host, in at most {_LONGEST_URL} characters without spaces"
    elif not _has_sound_port(parts):
        says = "Url must have a port from 1 to 65535, or none"
    return [Fault(Code.INVALID_PARAMETER, says, "url")] if says else []


def _has_sound_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def secret_of(mint: Mint, webhook: Webhook) -> bytes | None:
    """What its messages are signed with; None where the keyring cannot tell."""
    try:
        return mint.vault.open(webhook.sealed_secret)
    except CannotOpen:
        return None
