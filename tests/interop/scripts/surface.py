"""Run with either SDK: the public methods of what is said to be the same in both, as JSON."""

import json
import sys

from signalwire.rest import RestClient

client = RestClient()
places = {
    "fabric.tokens": client.fabric.tokens,
    "fabric.subscribers": client.fabric.subscribers,
    "fabric.conference_rooms": client.fabric.conference_rooms,
    "fabric.resources": client.fabric.resources,
    "fabric.addresses": client.fabric.addresses,
    "project.tokens": client.project.tokens,
}
json.dump(
    {
        name: sorted(
            method
            for method in dir(place)
            if not method.startswith("_") and callable(getattr(place, method))
        )
        for name, place in places.items()
    },
    sys.stdout,
)
