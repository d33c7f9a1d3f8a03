"""Delivers alerts to webhooks."""

from satmint.webhooks.dispatcher import WebhookDispatcher
from satmint.webhooks.sender import Sender
from satmint.webhooks.slots import DispatchLimits

__all__ = ["DispatchLimits", "Sender", "WebhookDispatcher"]
