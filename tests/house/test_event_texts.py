"""What the documents say of events is true of every kind."""

import json
import re
from base64 import b64decode
from collections import defaultdict
from datetime import datetime
from typing import Final, get_args
from uuid import UUID

import msgspec
import pytest

from satmint.flows.addresses import delete_address
from satmint.flows.callers import subscriber_caller
from satmint.flows.credentials import (
    create_api_token,
    delete_api_token,
    delete_c2c_token,
    disable_c2c_token,
    update_api_token,
)
from satmint.flows.invites import InviteTokenRequest, invite_token
from satmint.flows.issue import embed_token
from satmint.flows.keys import record_in_all_projects
from satmint.flows.live import Credentials, open_live_session, reauthenticate_live_session
from satmint.flows.projects import delete_project, rename_project
from satmint.flows.revoke import revoke_key, revoke_project, revoke_session, revoke_subscriber
from satmint.flows.rooms import NewRoom, create_room, delete_room
from satmint.flows.session_queries import list_events
from satmint.flows.subscribers import delete_subscriber
from satmint.flows.visible_addresses import addresses_of_caller
from satmint.flows.webhooks import (
    create_webhook,
    delete_webhook,
    pause_webhook,
    resume_webhook,
)
from satmint.http.management_answers import show_event
from satmint.model.event_filter import EventFilter
from satmint.model.event_texts import EVENT_TEXTS, Member
from satmint.model.events import Event, EventKind, Origin
from satmint.model.listing import Window
from satmint.model.refusals import Unauthorized
from satmint.model.webhooks import ALERTS, SECRET_PREFIX, body_of, signature
from tests.house.tree import ROOT
from tests.kit.devices import a_browser
from tests.kit.proofs import Signer
from tests.kit.service import ORIGIN, Server, said

GUIDE: Final = ROOT / "docs" / "guides" / "alerts.md"
CONNECT: Final = "signalwire.connect"


async def tokens_come_and_go(server: Server) -> None:
    first = await server.sign_in("ada")
    second = await server.rotate(first["refresh_token"])
    await server.rotate(first["refresh_token"])  # its answer was lost
    await server.rotate(second["refresh_token"])
    assert (await server.refresh(first["refresh_token"])).status_code == 422  # it was stolen

    browser = await a_browser(server, "bob", bound=False)
    said(await browser.activate(), 201)

    def shown(proof: str | None) -> Credentials:
        return Credentials(browser.token, proof, UUID(int=1), ORIGIN)

    live = await open_live_session(server.services, shown(browser.signer.rpc_proof(CONNECT)))
    with pytest.raises(Unauthorized, match="downgrade"):
        await reauthenticate_live_session(server.services, shown(None), live)
    with pytest.raises(Unauthorized, match="key_mismatch"):
        await open_live_session(server.services, shown(Signer.generate().rpc_proof(CONNECT)))
    jkt = browser.signer.jkt
    assert await revoke_key(server.services, server.tenant.id, live.subscriber, jkt, ORIGIN) == 1


async def sessions_are_ended(server: Server) -> None:
    services, project = server.services, server.tenant.id
    carol = await subscriber_caller(services, (await server.sign_in("carol"))["token"])
    (own,) = await addresses_of_caller(services.store, carol)
    await invite_token(services, carol, InviteTokenRequest(own.id), ORIGIN)
    await revoke_session(services, project, carol.claims.sid, ORIGIN)
    await revoke_subscriber(services, project, carol.claims.sub, ORIGIN)
    await delete_subscriber(services, project, carol.claims.sub, ORIGIN)
    await delete_address(services, project, server.tenant.addresses[2].id, ORIGIN)
    room = await create_room(services, project, NewRoom("lobby"))
    await delete_room(services, project, room.id, ORIGIN)
    await revoke_project(services, project, ORIGIN)


async def things_are_managed(server: Server) -> None:
    services, project = server.services, server.tenant.id
    api_token, _ = await create_api_token(services, project, "one more", frozenset(), ORIGIN)
    await update_api_token(services, project, api_token.id, "renamed", None, ORIGIN)
    await delete_api_token(services, project, api_token.id, ORIGIN)
    c2c_token, text = await server.c2c_token()
    await embed_token(services, text, None, ORIGIN)
    await disable_c2c_token(services, project, c2c_token, ORIGIN)
    await delete_c2c_token(services, project, c2c_token, ORIGIN)
    webhook, _ = await create_webhook(services, project, "https://alerts.example.com/", ORIGIN)
    await pause_webhook(services, project, webhook.id, ORIGIN)
    await resume_webhook(services, project, webhook.id, ORIGIN)
    await delete_webhook(services, project, webhook.id, ORIGIN)
    await rename_project(services, project, "renamed", ORIGIN)
    for kind in (EventKind.KEY_ROTATED, EventKind.KEY_RETIRED):
        await record_in_all_projects(services, kind, "a-key", ORIGIN)
    await server.service.guard.adopt(ORIGIN)


async def test_every_kind_sets_what_the_reference_says(server: Server) -> None:
    await tokens_come_and_go(server)
    await sessions_are_ended(server)
    await things_are_managed(server)
    await delete_project(server.services, server.tenant.id, ORIGIN)
    members = get_args(Member)
    told: dict[EventKind, set[str]] = defaultdict(set)
    for event in (
        await list_events(server.services.store, server.tenant.id, EventFilter(), Window(1000))
    ).items:
        answer = show_event(event)
        told[event.kind] |= {name for name in members if getattr(answer, name) not in (None, "")}
    assert told == {kind: set(text.members) for kind, text in EVENT_TEXTS.items()}


def test_every_kind_is_told_of_once() -> None:
    assert list(EVENT_TEXTS) == list(EventKind)


def test_guide_tells_of_every_alert() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(ALERTS)


def test_message_in_the_guide_is_one_that_could_be_sent() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    (block,) = re.findall(r"^```http\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    head, _, shown = block.partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    told = json.loads(shown)
    data = told["data"]
    event = Event(
        UUID(data["id"]).bytes,
        UUID(data["project_id"]),
        EventKind(told["type"]),
        int(datetime.fromisoformat(told["timestamp"]).timestamp()),
        Origin(data["request_id"], data["address"], data["agent"]),
        UUID(data["subscriber_id"]),
        UUID(data["session_id"]),
        generation=data["generation"],
        cause=data["cause"],
        reference=data["reference"],
    )
    body = body_of(event)
    assert body == msgspec.json.encode(told)
    assert headers["content-length"] == str(len(body))
    (secret,) = re.findall(rf"`{SECRET_PREFIX}([A-Za-z0-9+/=]+)`", text)
    message, at = headers["webhook-id"], int(headers["webhook-timestamp"])
    assert message == data["id"]
    assert headers["webhook-signature"] == signature(b64decode(secret), message, at, body)
