"""What a development server offers to the console, in addition to any server."""

from collections.abc import Sequence
from typing import Protocol

from satmint.model.recorded_exchange import Exchange


class Development(Protocol):
    """The recorded requests of a development server."""

    def exchanges(self) -> Sequence[Exchange]:
        """The last requests and texts on connections, oldest first."""

    def forget_exchanges(self) -> None:
        """Forget all of them."""
