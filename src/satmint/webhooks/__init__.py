"""Delivers alerts to webhooks."""

from satmint.webhooks.dispatcher import WebhookDispatcher
from satmint.webhooks.network import open_network
from satmint.webhooks.slots import DispatchLimits

__all__ = ["DispatchLimits", "WebhookDispatcher", "open_network"]
