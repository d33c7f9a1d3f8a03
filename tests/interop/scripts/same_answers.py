"""Run with either SDK: the steps of `test_same_answers.py`, and the text of each answer.

Prints a JSON array of `[step, text]`. What the SDKs have no method for is sent with `urllib`.
"""

import json
import os
import sys
from base64 import b64encode
from urllib.parse import parse_qsl, urlsplit
from urllib.request import Request, urlopen

from signalwire.rest import RestClient, SignalWireRestError

client = RestClient()
fabric = client.fabric
steps = []


def text_of(answer):
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def step(name, call, /, *args, **kwargs):
    try:
        answer = call(*args, **kwargs)
        steps.append([name, text_of(answer) if answer else ""])
    except SignalWireRestError as error:
        answer = error.body
        steps.append([name, f"{error.status_code} {text_of(answer)}"])
    return answer


def manage(method, path, body=None):
    """A call of the management API."""
    project, token = os.environ["SIGNALWIRE_PROJECT_ID"], os.environ["SIGNALWIRE_API_TOKEN"]
    headers = {
        "Authorization": f"Basic {b64encode(f'{project}:{token}'.encode()).decode()}",
        "Content-Type": "application/json",
    }
    url = f"http://{os.environ['SIGNALWIRE_SPACE']}/api/satmint/{path}"
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, headers, method=method)) as answer:
        text = answer.read()
    return json.loads(text) if text else {}


rooms, subscribers, tokens = fabric.conference_rooms, fabric.subscribers, fabric.tokens

room = step(
    "room", rooms.create, name="same_room", display_name="Gleich", enable_room_previews=True
)
address = step("room's addresses", rooms.list_addresses, room["id"])["data"][0]["id"]
click = step("click-to-call", manage, "POST", "c2c-tokens", {"address_id": address, "name": "same"})
subscriber = step("subscriber", subscribers.create, email="same@example.com", display_name="Gleich")
own = step("own addresses", subscribers.list_addresses, subscriber["id"])["data"][0]["id"]
pair = step("issue", tokens.create_subscriber_token, reference="same@example.com")
pair = step("refresh", tokens.refresh_subscriber_token, refresh_token=pair["refresh_token"])
guest = step("guest", tokens.create_guest_token, allowed_addresses=[address])
step("invite", tokens.create_invite_token, address_id=own)
step("embed", tokens.create_embed_token, token=click["token"])
step("revoke", manage, "POST", "tokens/revoke", {"token": pair["token"]})
step("revoked", tokens.refresh_subscriber_token, refresh_token=pair["refresh_token"])
step("rooms", fabric.resources.list, type="video_room", display_name="Gleich")
page = step("page 0", fabric.addresses.list, display_name="Gleich", sort_by="name", page_size=1)
query = dict(parse_qsl(urlsplit(page["links"]["next"]).query))
step("page 1", fabric.addresses.list, **query)
step("addresses", fabric.addresses.list, type="room", name="same_room")
step("update", rooms.update, room["id"], description="Süd")
step("resource", fabric.resources.get, room["id"])
step("no such layout", rooms.update, room["id"], layout="6up", quality="4k")
step("room deleted", rooms.delete, room["id"])
step("guest of it", tokens.refresh_subscriber_token, refresh_token=guest["refresh_token"])
step("no room", rooms.get, room["id"])
step("subscriber deleted", fabric.resources.delete, subscriber["id"])
step("click-to-call deleted", manage, "DELETE", f"c2c-tokens/{click['id']}")
step("nothing left", fabric.resources.list, display_name="Gleich")

json.dump(steps, sys.stdout)
