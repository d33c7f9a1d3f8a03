"""A developer's bad days: what `satmint dev` can be told to do wrong, and `satmint serve` cannot.

A room of its own, that only the command `satmint dev` opens (a house test says so): a clock that
can be moved, faults that are met by the next requests, sessions whose tokens have expired early.
All of it lives in this process and is gone with it.
"""

from satmint.control.edge import ControlledEdge
from satmint.control.reference import PAGE as REFERENCE_PAGE
from satmint.control.state import Control

__all__ = ["REFERENCE_PAGE", "Control", "ControlledEdge"]
