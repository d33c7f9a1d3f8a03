"""How many deliveries may be in progress at once, so that no project delays those of others."""

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from satmint.model.webhooks import LEASE_SECONDS, SLOW_SECONDS, Webhook, WebhookState


@dataclass(frozen=True, slots=True)
class DispatchLimits:
    """Deadlines, in seconds, and numbers of deliveries in progress in one process.

    They are no settings: deadlines are what the guide promises to receivers, and the numbers bound
    what one project can take from the others.
    """

    poll_seconds: float = 1.0
    delivery_seconds: float = 10.0
    """For an attempt: DNS, connection, TLS, request, and the headers of the response."""
    connect_seconds: float = 4.0
    """For one address of a host, so that there is time for the next one."""
    body_seconds: float = 1.0
    """For the start of the response's body, after that."""
    slow_seconds: float = SLOW_SECONDS
    stop_seconds: float = 5.0
    """How long attempts may continue when the server stops."""
    lease_seconds: int = LEASE_SECONDS
    total: int = 64
    per_project: int = 8
    per_endpoint: int = 4

    @property
    def unproven(self) -> int:
        """Of `total`, for endpoints that are not known to respond fast."""
        return self.total // 2

    @property
    def unproven_per_project(self) -> int:
        """Of `per_project`, the same."""
        return self.per_project // 2


class Slots:
    """Counts the deliveries in progress.

    It remembers only those, so its memory is bounded by their maximum number.
    """

    def __init__(self, limits: DispatchLimits) -> None:
        self._limits = limits
        self._endpoints: Counter[UUID] = Counter()
        self._projects: Counter[UUID] = Counter()
        self._unproven: Counter[UUID] = Counter()
        """By project: those to endpoints that are not known to respond fast."""

    @property
    def used(self) -> int:
        """The deliveries in progress."""
        return self._projects.total()

    @property
    def is_full(self) -> bool:
        """Whether no webhook has room."""
        return self.used >= self._limits.total

    def room_for(self, webhook: Webhook) -> int:
        """How many more deliveries to this webhook may start now.

        An endpoint that is not known to respond fast has one at a time, from half of its project's
        share and half of the total: the other halves are left for endpoints that do.
        """
        limits, project = self._limits, webhook.project
        room = min(limits.per_project - self._projects[project], limits.total - self.used)
        if is_proven(webhook):
            return max(0, min(room, limits.per_endpoint - self._endpoints[webhook.id]))
        return max(
            0,
            min(
                *(room, 1 - self._endpoints[webhook.id]),
                limits.unproven_per_project - self._unproven[project],
                limits.unproven - self._unproven.total(),
            ),
        )

    def take(self, webhook: Webhook) -> None:
        """Count a delivery that starts."""
        self._add(webhook, 1)

    def give_back(self, webhook: Webhook) -> None:
        """Count a delivery that ended; `webhook` is the value that was passed to `take`."""
        self._add(webhook, -1)

    def _add(self, webhook: Webhook, number: int) -> None:
        counts = [(self._endpoints, webhook.id), (self._projects, webhook.project)]
        if not is_proven(webhook):
            counts.append((self._unproven, webhook.project))
        for counter, key in counts:
            counter[key] += number
            if not counter[key]:
                del counter[key]


def is_proven(webhook: Webhook) -> bool:
    """Whether an endpoint responded fast the last time."""
    return webhook.state is WebhookState.ACTIVE
