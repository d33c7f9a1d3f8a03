"""What the console's pages need in addition to the request."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from satmint.console.development import Development
from satmint.console.event_tail import EventTails
from satmint.console.health import Health
from satmint.console.keyring import KeyringOperations
from satmint.console.session import Seals
from satmint.console.settings_view import SettingInForce
from satmint.flows.callers import CallerAuthenticator
from satmint.flows.revocation_status import FeedStatus
from satmint.flows.service_context import ServiceContext
from satmint.flows.webhook_deliveries import MessageSender
from satmint.http.metrics import Metrics
from satmint.http.metrics_history import History, Range
from satmint.model.clock import Clock

HistoryReader = Callable[[Range], Awaitable[tuple[History, int]]]
"""Returns the history, and how many workers did not respond."""
FeedReader = Callable[[], Awaitable[Sequence[FeedStatus | None]]]
"""Returns the feed of revocations of each worker; None: it did not respond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleContext:
    """What handlers of pages need. One for each process."""

    services: ServiceContext
    callers: CallerAuthenticator
    metrics: Metrics
    seals: Seals
    clock: Clock
    """Measures sessions and shows times. In development it is not the clock that can be moved."""
    url: str
    """The URL of the admin listener, without a slash at the end."""
    public_url: str = ""
    """The URL of the public listener from outside, without a slash at the end."""
    history: HistoryReader
    """Reads the last hours of the metrics of this server, of all its workers."""
    feeds: FeedReader
    """Reads who listens to the feeds of revocations of this server, of all its workers."""
    keyring: KeyringOperations
    """The keyring, for its page."""
    settings: Sequence[SettingInForce]
    """Every setting of this process."""
    health: Health
    """What examinations of the deployment have found."""
    sender: MessageSender
    """Sends tests of webhooks."""
    tails: EventTails = field(default_factory=EventTails)
    """The live tails of audit trails that this process serves."""
    development: Development | None = None
    """What a development server offers; None: this is none."""

    @property
    def is_development(self) -> bool:
        """Whether this is a development server."""
        return self.development is not None
