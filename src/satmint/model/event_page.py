"""A page of the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass

from satmint.model.events import Event
from satmint.model.listing import Page


@dataclass(frozen=True, slots=True)
class EventPage(Page[Event]):
    """A page of the audit trail. If it has events, it says where it begins and ends."""

    positions: Sequence[int]
    """The position of each of `items`."""
