"""`client.fabric`: everything below `/api/fabric` that a backend calls."""

from __future__ import annotations

from typing import Generic

from satmint_sdk.rest._addresses import FabricAddresses
from satmint_sdk.rest._conference_rooms import FabricConferenceRooms
from satmint_sdk.rest._resource import D
from satmint_sdk.rest._resources import FabricResources
from satmint_sdk.rest._subscribers import FabricSubscribers
from satmint_sdk.rest._tokens import FabricTokens


class Fabric(Generic[D]):
    """Everything below `/api/fabric` that a backend calls."""

    def __init__(self, driver: D) -> None:
        self.tokens: FabricTokens[D] = FabricTokens(driver)
        self.subscribers: FabricSubscribers[D] = FabricSubscribers(driver)
        self.conference_rooms: FabricConferenceRooms[D] = FabricConferenceRooms(driver)
        self.resources: FabricResources[D] = FabricResources(driver)
        self.addresses: FabricAddresses[D] = FabricAddresses(driver)
