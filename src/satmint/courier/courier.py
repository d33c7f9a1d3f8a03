"""Takes due deliveries out of the outbox and carries them; every server process has one.

At least once: a delivery is settled only after the receiver has said 2xx, so a process that dies in
between leaves it to another one, and the receiver may hear of an event twice, under the same
`webhook-id`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import httpcore
import structlog

from satmint.flows.mint import Mint
from satmint.flows.webhooks import secret_of
from satmint.jose.sealing import CannotOpen
from satmint.model.refusals import StoreUnavailable
from satmint.model.webhooks import (
    LEASE_SECONDS,
    Delivery,
    body_of,
    is_hopeless,
    rest_after,
    signature,
)

_LOOK_EVERY_SECONDS: Final = 1.0
_AT_ONCE: Final = 20
_TIMES: Final = {"connect": 5.0, "read": 10.0, "write": 10.0, "pool": 15.0}
_WHOLE_SECONDS: Final = 20.0
_BEFORE_ALL: Final = UUID(int=0)


class Courier:
    """Delivers."""

    def __init__(
        self,
        mint: Mint,
        network: httpcore.AsyncConnectionPool,
        count: Callable[[str], None] = lambda _outcome: None,
    ) -> None:
        """Prepare to deliver.

        Args:
            mint: Store, clock and keys.
            network: The way out.
            count: Told each attempt's outcome: delivered, failed or given_up.
        """
        self._mint = mint
        self._network = network
        self._count = count
        self._sealed_by = ""
        self._log = structlog.get_logger("satmint.webhooks")

    async def run(self, rest: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Deliver what is due, for ever."""
        while True:
            await rest(_LOOK_EVERY_SECONDS)
            try:
                await self.seal_anew()
                while await self.deliver_due():
                    pass
            except StoreUnavailable as trouble:
                self._log.warning("webhooks_wait", cause=trouble.cause)
            except Exception:  # noqa: BLE001 - a bug in one round must not end all others
                self._log.exception("failed")

    async def deliver_due(self) -> int:
        """Carry what is due now; returns how many attempts that were."""
        now = self._mint.clock.now()
        taken = await self._mint.store.webhooks.take_due(now, now + LEASE_SECONDS, _AT_ONCE)
        await asyncio.gather(*map(self._deliver, taken))
        return len(taken)

    async def seal_anew(self) -> None:
        """After a rotation of the keyring: have no secret depend on a key that will be retired."""
        active = self._mint.safe.keyring.active.id
        if active == self._sealed_by:
            return
        store, vault = self._mint.store.webhooks, self._mint.vault
        after = _BEFORE_ALL
        while found := await store.sealed_otherwise(active, after, _AT_ONCE):
            for webhook in found:
                try:
                    secret = vault.open(webhook.sealed_secret)
                except CannotOpen:
                    # Left as it is: its key may be one that has only reached other nodes so far.
                    self._log.error("webhook_secret_lost", webhook=str(webhook.id))
                else:
                    await store.seal_anew(webhook, vault.seal(secret))
            after = found[-1].id
        self._sealed_by = active

    async def _deliver(self, delivery: Delivery) -> None:
        store, clock = self._mint.store.webhooks, self._mint.clock
        trouble = await self._trouble(delivery, clock.now())
        now = clock.now()  # later: it may have taken its time to fail
        told = {"webhook": str(delivery.webhook.id), "attempt": delivery.attempt}
        if trouble is None:
            self._count("delivered")
            self._log.info("webhook_delivered", **told)
            await store.settle(delivery)
        elif is_hopeless(delivery, now):
            self._count("given_up")
            self._log.error("webhook_given_up", reason=trouble, **told)
            await store.settle(delivery)
        else:
            self._count("failed")
            self._log.warning("webhook_failed", reason=trouble, **told)
            await store.put_off(delivery, now + rest_after(delivery.attempt))

    async def _trouble(self, delivery: Delivery, now: int) -> str | None:
        """Send it once; why it has not arrived, or None if it has."""
        secret = secret_of(self._mint, delivery.webhook)
        if secret is None:
            return "secret_lost"
        event = delivery.event
        body, message_id = body_of(event), str(UUID(bytes=event.id))
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("user-agent", "satmint"),
            ("webhook-id", message_id),
            ("webhook-timestamp", str(now)),
            ("webhook-signature", signature(secret, message_id, now, body)),
        ]
        try:
            async with (
                asyncio.timeout(_WHOLE_SECONDS),
                self._network.stream(
                    "POST",
                    delivery.webhook.url,
                    headers=headers,
                    content=body,
                    extensions={"timeout": _TIMES},
                ) as response,
            ):
                status: int = response.status
        except TimeoutError:
            return "timeout"
        except Exception as error:  # noqa: BLE001 - whatever the network, or the other side, does
            return type(error).__name__
        return None if 200 <= status < 300 else f"status_{status}"
