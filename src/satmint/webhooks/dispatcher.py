"""Sends pending deliveries to webhooks; runs in every server process.

Delivery is at-least-once: a delivery is settled only after a 2xx response. If a process dies before
that, another one repeats the delivery with the same `webhook-id`.

Each attempt is a task of its own, and no attempt waits for another one. `Slots` bounds their number
for each endpoint and for each project, and nothing is claimed before there is a slot for it: a slow
endpoint delays its own deliveries only.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Final
from uuid import UUID

import structlog

from satmint.flows.service_context import ServiceContext
from satmint.flows.webhooks import SECRET_LOST, open_secret
from satmint.jose.token_cipher import CannotOpen
from satmint.model.deliveries import AttemptResult
from satmint.model.refusals import StoreUnavailable
from satmint.model.webhooks import Delivery, Webhook, WebhookState, is_exhausted
from satmint.webhooks.failure import TIMEOUT
from satmint.webhooks.sender import Sender
from satmint.webhooks.slots import DispatchLimits, Slots

_PAGE_SIZE: Final = 200
"""Webhooks with pending deliveries that one statement visits."""
_BATCH_SIZE: Final = 20
_GIVEN_UP_AT_ONCE: Final = 1000
_STORE_WRITES: Final = 2
"""Attempts whose result is stored at the same time; the database has other work."""
_MIN_PAUSE_SECONDS: Final = 0.05
_PAUSE_RATIO: Final = 4.0
"""Of the pause before a round to the time in which the previous one read the outbox: it visits each
webhook with pending deliveries."""
_CLAIMS_PER_ROUND: Final = 16
"""Rounds are short, so that a new alert is seen soon."""
_NIL: Final = UUID(int=0)
_START: Final = (_NIL, _NIL)
_Key = tuple[UUID, bytes]
"""Webhook and event of a delivery."""


class WebhookDispatcher:
    """Claims due deliveries and sends them."""

    def __init__(
        self,
        services: ServiceContext,
        sender: Sender,
        count: Callable[[str], None] = lambda _outcome: None,
        limits: DispatchLimits | None = None,
    ) -> None:
        """Prepare to deliver.

        Args:
            services: The context of this process.
            sender: Sends the messages.
            count: Called with each attempt's outcome: delivered, failed, timeout or given_up.
            limits: Deadlines and numbers; None: those of production.
        """
        self.limits = limits or DispatchLimits()
        self._services = services
        self._sender = sender
        self._count = count
        self._slots = Slots(self.limits)
        self._tasks: dict[_Key, asyncio.Task[None]] = {}
        self._sending: set[_Key] = set()
        """Those of the tasks that have no result yet."""
        self._unsent: list[Delivery] = []
        """Claimed deliveries that were not sent because the server stops."""
        self._stopping = False
        self._ended = asyncio.Event()
        """Set when an attempt ends."""
        self._writes = asyncio.Semaphore(_STORE_WRITES)
        self._position = _START
        self._has_waiting = False
        """Whether the last round found due deliveries without a slot."""
        self._has_more = False
        """Whether the last round ended before it had visited all webhooks."""
        self._visit_seconds = 0.0
        """How long the last round read the outbox."""
        self._sealed_by = ""
        self._log = structlog.get_logger("satmint.webhooks")

    @property
    def in_progress(self) -> int:
        """The number of attempts in progress."""
        return len(self._tasks)

    async def run(self) -> None:
        """Send due deliveries until cancelled; then let attempts in progress end."""
        working: asyncio.Task[None] | None = None
        try:
            while True:
                await self._pause()
                working = asyncio.create_task(self._round())
                await asyncio.shield(working)
        finally:
            self._stopping = True
            if working is not None:
                await working
            await self._stop()

    async def deliver_due(self) -> int:
        """Send what a round starts; returns how many deliveries, when their attempts ended."""
        started = await self.start_due()
        await self._drained()
        return started

    async def start_due(self) -> int:
        """Run a round: start due deliveries for which there are slots; returns how many.

        A round starts behind the last webhook that had a slot, so that each one gets its turn, also
        among those of one project.
        """
        self._ended.clear()
        self._has_waiting = self._has_more = False
        self._visit_seconds = 0.0
        started = claims = 0
        async with contextlib.aclosing(self._due_webhooks()) as due:
            async for webhook in due:
                room = self._slots.room_for(webhook)
                if room == 0:
                    self._has_waiting = True
                    if self._slots.is_full:
                        break
                    continue
                if claims == _CLAIMS_PER_ROUND or self._stopping:
                    self._has_more = True
                    break
                claims += 1
                self._position = webhook.project, webhook.id
                try:
                    started += await self._start(webhook, room)
                except StoreUnavailable:
                    raise
                except Exception:  # noqa: BLE001 - one webhook must not hold up the others
                    self._log.exception("failed", webhook=str(webhook.id))
        return started

    async def reseal(self) -> None:
        """After a rotation of the keyring: have no secret depend on a key that will be retired."""
        active = self._services.cipher.keyring.active.id
        if active == self._sealed_by:
            return
        store, secret_box = self._services.store.webhooks, self._services.secret_box
        after = _NIL
        while found := await store.sealed_with_other_key(active, after, _BATCH_SIZE):
            for webhook in found:
                try:
                    secret = secret_box.open(webhook.sealed_secret)
                except CannotOpen:
                    # Unchanged: its key may have reached only other nodes so far.
                    self._log.error("webhook_secret_lost", webhook=str(webhook.id))
                else:
                    await store.reseal(webhook, secret_box.seal(secret))
            after = found[-1].id
        self._sealed_by = active

    async def _round(self) -> None:
        try:
            await self.reseal()
            await self.start_due()
        except StoreUnavailable as failure:
            self._log.warning("webhooks_delayed", cause=failure.cause)
        except Exception:  # noqa: BLE001 - a bug in one round must not end all others
            self._log.exception("failed")

    async def _pause(self) -> None:
        """Wait for the next round: until the next poll, or until a waiting delivery has a slot."""
        visit = min(self._visit_seconds, self.limits.poll_seconds)
        pause = max(_MIN_PAUSE_SECONDS, _PAUSE_RATIO * visit)
        if not (self._has_waiting or self._has_more):
            pause = max(pause, self.limits.poll_seconds)
        await asyncio.sleep(pause)
        if self._has_more or not self._has_waiting:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.poll_seconds):
                await self._ended.wait()

    async def _due_webhooks(self) -> AsyncGenerator[Webhook, None]:
        """All webhooks with due deliveries, from the current position to the end and around."""
        store, begin = self._services.store.webhooks, self._position
        time = asyncio.get_running_loop().time
        for first, last in ((begin, None), (_START, begin)):
            after: tuple[UUID, UUID] | None = first
            while after is not None and (last is None or after < last):
                started_at = time()
                page = await store.due_webhooks(self._services.clock.now(), after, _PAGE_SIZE)
                self._visit_seconds += time() - started_at
                for webhook in page.webhooks:
                    if last is not None and (webhook.project, webhook.id) > last:
                        return
                    yield webhook
                after = page.next

    async def _start(self, webhook: Webhook, room: int) -> int:
        """Start up to `room` deliveries of a webhook; returns how many."""
        now = self._services.clock.now()
        claimed = await self._services.store.webhooks.claim_due(
            webhook, now, now + self.limits.lease_seconds, room
        )
        # There may be more than there was room for.
        self._has_waiting |= len(claimed) == room
        started = 0
        for delivery in claimed:
            key = _key(delivery)
            if key in self._tasks:
                continue  # the clock was set, which ended its lease
            if self._stopping:
                self._unsent.append(delivery)
                continue
            self._slots.take(delivery.webhook)
            self._sending.add(key)
            self._tasks[key] = asyncio.create_task(self._deliver(delivery))
            started += 1
        return started

    async def _deliver(self, delivery: Delivery) -> None:
        key = _key(delivery)
        try:
            try:
                result = await self._attempt(delivery)
            finally:
                self._sending.discard(key)
            async with self._writes:
                await self._store_result(delivery, result)
        except asyncio.CancelledError:
            self._unsent.append(delivery)
        except StoreUnavailable as error:
            # It is repeated when its lease ends.
            self._log.warning("webhooks_delayed", cause=error.cause)
        except Exception:  # noqa: BLE001 - a bug must not go unnoticed
            self._log.exception("failed")
        finally:
            self._slots.give_back(delivery.webhook)
            del self._tasks[key]
            self._ended.set()

    async def _attempt(self, delivery: Delivery) -> AttemptResult:
        """Send it once."""
        secret = open_secret(self._services.secret_box, delivery.webhook)
        if secret is None:
            return AttemptResult(SECRET_LOST)
        now = self._services.clock.now()
        return await self._sender.send(delivery.message, secret, now, self.limits)

    async def _store_result(self, delivery: Delivery, result: AttemptResult) -> None:
        store, now = self._services.store.webhooks, self._services.clock.now()
        webhook = delivery.webhook
        fields: dict[str, object] = {"webhook": str(webhook.id), "attempt": delivery.attempt}
        if not result.error:
            self._count("delivered")
            self._log.info("webhook_delivered", **fields)
            slow = (result.latency_ms or 0) > 1000 * self.limits.slow_seconds
            await store.settle(delivery, result, now, slow=slow)
            if webhook.state is WebhookState.PAUSED:
                self._log.info("webhook_resumed", webhook=str(webhook.id))
            return
        fields |= result.fields
        if is_exhausted(delivery, now):
            count = await store.give_up(delivery, result, now, _GIVEN_UP_AT_ONCE)
            for _ in range(count):
                self._count("given_up")
            self._log.error("webhook_given_up", deliveries=count, **fields)
        else:
            self._count("timeout" if result.error == TIMEOUT else "failed")
            self._log.warning("webhook_failed", **fields)
            await store.reschedule(delivery, result, now)
        if webhook.state is not WebhookState.PAUSED:
            self._log.warning("webhook_paused", webhook=str(webhook.id), **result.fields)

    async def _drained(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _stop(self) -> None:
        """Let attempts end for a while, then abandon them; another process repeats them at once."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=self.limits.stop_seconds)
        for key in self._sending:
            self._tasks[key].cancel()
        await self._drained()
        if self._unsent:
            now = self._services.clock.now()
            try:
                await self._services.store.webhooks.release(self._unsent, now)
            except StoreUnavailable as error:
                self._log.warning("webhooks_delayed", cause=error.cause)


def _key(delivery: Delivery) -> _Key:
    return delivery.webhook.id, delivery.event.id
