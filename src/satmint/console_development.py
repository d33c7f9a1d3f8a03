"""What a development server offers, as its console shows and changes it."""

from collections.abc import Sequence

from satmint.assembly import Service
from satmint.control import Control
from satmint.model.recorded_exchange import Exchange


class DevelopmentTools:
    """See `satmint.console.development.Development`."""

    def __init__(self, control: Control, service: Service) -> None:
        """Prepare.

        Args:
            control: The state of the control endpoint.
            service: The service.
        """
        self._control = control
        self._service = service

    def exchanges(self) -> Sequence[Exchange]:
        """See `Development`."""
        return [*self._control.recorder.exchanges]

    def forget_exchanges(self) -> None:
        """See `Development`."""
        self._control.recorder.exchanges.clear()
