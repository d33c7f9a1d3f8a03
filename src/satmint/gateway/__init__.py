"""The session gateway: the WebSocket endpoint for opening, resuming and ending live sessions."""

from satmint.gateway.gateway import Gateway
from satmint.gateway.metrics import GatewayMetrics, Limits

__all__ = ["Gateway", "GatewayMetrics", "Limits"]
