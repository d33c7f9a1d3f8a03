"""Run with the vendor's SDK or with ours: every method that is served, and what each one gave.

Prints one JSON object. Arguments: a Click-to-Call token, a future time in Unix seconds, then the
ids of some addresses.
"""

import json
import sys

from signalwire.rest import RestClient, SignalWireRestError

c2c_token, expiry, *addresses = sys.argv[1:]
later = int(expiry)
client = RestClient()
tokens, subscribers = client.fabric.tokens, client.fabric.subscribers
seen = {}


def refusal(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except SignalWireRestError as error:
        return {"status": error.status_code, "body": error.body}
    return None


# Tokens
made = tokens.create_subscriber_token(
    reference="tour@example.com",
    expire_at=later,
    application_id="6e2e1f2c-0f3e-4a3a-9c55-0d8d3f1d6a11",
    password="a long password",
    first_name="Ada",
    last_name="Lovelace",
    display_name="Ada L.",
    job_title="Analyst",
    time_zone="Europe/London",
    country="GB",
    region="us-central",
    company_name="Analytical Engines",
    fingerprint="0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
    extras={"scope": "sat:refresh"},
)
seen["create_subscriber_token"] = made
chain = [made["refresh_token"]]
for _ in range(100):
    answer = tokens.refresh_subscriber_token(refresh_token=chain[-1])
    chain.append(answer["refresh_token"])
seen["refresh_subscriber_token"] = answer
seen["chain"] = chain
seen["create_guest_token"] = tokens.create_guest_token(allowed_addresses=addresses, expire_at=later)
seen["create_embed_token"] = tokens.create_embed_token(token=c2c_token)

# Subscribers
created = subscribers.create(
    email="grace@example.com",
    password="another password",
    first_name="Grace",
    last_name="Hopper",
    display_name="Grace H.",
    job_title="Rear admiral",
    timezone="America/New_York",
    country="US",
    region="east",
    company_name="Navy",
)
seen["subscribers.create"] = created
seen["subscribers.get"] = subscribers.get(created["id"])
seen["subscribers.update"] = subscribers.update(created["id"], job_title="Commodore")
seen["subscribers.list"] = subscribers.list()
for number in range(7):
    subscribers.create(email=f"page-{number}@example.com")
seen["subscribers.paginate"] = [
    one["subscriber"]["email"] for one in subscribers.paginate(page_size=2)
]
seen["subscribers.list_addresses"] = own = subscribers.list_addresses(created["id"])
seen["create_invite_token"] = tokens.create_invite_token(
    address_id=own["data"][0]["id"], expires_at=later
)

# Conference rooms and resources
rooms, resources = client.fabric.conference_rooms, client.fabric.resources
room = rooms.create(
    name="coffee_cafe",
    enable_room_previews=True,
    display_name="Coffee",
    description="No shop talk",
    join_from="2026-01-31T09:30:00Z",
    max_members=30,
    quality="1080p",
    layout="5up",
    meta={"floor": 1},
)
seen["conference_rooms.create"] = room
seen["conference_rooms.update"] = rooms.update(room["id"], sync_audio_video=True)
seen["conference_rooms.get"] = rooms.get(room["id"])
seen["conference_rooms.list"] = rooms.list()
seen["conference_rooms.paginate"] = [one["id"] for one in rooms.paginate(page_size=1)]
seen["conference_rooms.list_addresses"] = places = rooms.list_addresses(room["id"])
seen["guest of a room"] = tokens.create_guest_token(allowed_addresses=[places["data"][0]["id"]])
seen["resources.list"] = resources.list(type="video_room", display_name="Coffee")
seen["resources.get"] = resources.get(room["id"])
seen["resources.list_addresses"] = resources.list_addresses(room["id"])
seen["conference_rooms.delete"] = rooms.delete(room["id"])
seen["deleted room"] = refusal(resources.get, room["id"])
seen["guest of a deleted room"] = refusal(
    tokens.refresh_subscriber_token, refresh_token=seen["guest of a room"]["refresh_token"]
)
seen["resources.delete"] = resources.delete(
    rooms.create(name="x", enable_room_previews=False)["id"]
)

# Addresses
seen["addresses.list"] = client.fabric.addresses.list(type="room")
seen["addresses.get"] = client.fabric.addresses.get(addresses[0])
seen["addresses.paginate"] = [
    one["id"] for one in client.fabric.addresses.paginate(page_size=3, sort_by="name")
]

# Project tokens
token = client.project.tokens.create(name="tour", permissions=["calling", "video"])
seen["project.tokens.create"] = token
other = RestClient(token=token["token"])
seen["works with it"] = "data" in other.fabric.addresses.list()
seen["project.tokens.update"] = client.project.tokens.update(
    token["id"], name="renamed", permissions=["management"]
)
seen["lost its permission"] = refusal(other.fabric.addresses.list)
seen["project.tokens.delete"] = client.project.tokens.delete(token["id"])
seen["deleted token"] = refusal(other.project.tokens.create, name="x", permissions=["chat"])

# Refusals
seen["subscribers.delete"] = subscribers.delete(created["id"])
seen["deleted subscriber"] = refusal(subscribers.get, created["id"])
seen["several faults"] = refusal(
    tokens.create_subscriber_token,
    reference="",
    expire_at=1,
    region="mars",
    extras={"expires_at": 1},
)
seen["spent long ago"] = refusal(tokens.refresh_subscriber_token, refresh_token=chain[0])
seen["session ended by it"] = refusal(tokens.refresh_subscriber_token, refresh_token=chain[-1])
seen["not a token"] = refusal(tokens.refresh_subscriber_token, refresh_token="abc")
seen["a SAT as refresh token"] = refusal(
    tokens.refresh_subscriber_token, refresh_token=made["token"]
)
seen["bad page token"] = refusal(client.fabric.addresses.list, page_token="x")
if hasattr(subscribers, "list_sip_endpoints"):
    seen["no media here"] = refusal(subscribers.list_sip_endpoints, created["id"])
seen["wrong credentials"] = refusal(RestClient(token="PT0").fabric.addresses.list)

json.dump(seen, sys.stdout)
