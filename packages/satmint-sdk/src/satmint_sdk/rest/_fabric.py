"""`client.fabric`: everything below `/api/fabric` that a backend calls."""

from __future__ import annotations

from satmint_sdk.rest._addresses import FabricAddresses
from satmint_sdk.rest._conference_rooms import FabricConferenceRooms
from satmint_sdk.rest._resource import D, Resource, group
from satmint_sdk.rest._resources import FabricResources
from satmint_sdk.rest._subscribers import FabricSubscribers
from satmint_sdk.rest._tokens import FabricTokens


class Fabric(Resource[D]):
    """Everything below `/api/fabric` that a backend calls."""

    tokens: FabricTokens[D] = group(FabricTokens)
    subscribers: FabricSubscribers[D] = group(FabricSubscribers)
    conference_rooms: FabricConferenceRooms[D] = group(FabricConferenceRooms)
    resources: FabricResources[D] = group(FabricResources)
    addresses: FabricAddresses[D] = group(FabricAddresses)
