"""The session gateway: where the holder of a SAT opens, resumes and ends a live session."""

from satmint.gateway.figures import Figures, Limits
from satmint.gateway.gateway import Gateway

__all__ = ["Figures", "Gateway", "Limits"]
