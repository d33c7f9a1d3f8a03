"""What the console's pages need in addition to the request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from satmint.console.session import Seals
from satmint.flows.callers import CallerAuthenticator
from satmint.flows.service_context import ServiceContext
from satmint.http.metrics import Metrics
from satmint.http.metrics_aggregator import MetricsAggregator
from satmint.model.clock import Clock


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
    aggregator: MetricsAggregator | None = None
    """Collects the metrics of all workers, if there are several."""
    warnings: Callable[[], Sequence[str]] = list
    """Returns problems that need an operator."""
    is_development: bool = False
    """Whether this is a development server."""
