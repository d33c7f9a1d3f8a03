"""The courier: carries alerts to webhooks."""

from satmint.courier.courier import Courier
from satmint.courier.network import open_network

__all__ = ["Courier", "open_network"]
