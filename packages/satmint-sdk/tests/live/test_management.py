"""The management API, asked with the methods of the client."""

from __future__ import annotations

from typing import Any, get_type_hints

from kit.server import Live
from satmint_sdk.rest import types


def of_type(answer: Any, kind: type) -> None:
    """Compare the members of an answer with those that its type promises."""
    required = kind.__required_keys__  # type: ignore[attr-defined]
    assert required <= answer.keys() <= get_type_hints(kind).keys()


def test_a_session_from_introspection_to_its_end(live: Live) -> None:
    with live.client() as client:
        managed = client.satmint
        made = client.fabric.tokens.create_subscriber_token(reference="managed")
        subscriber = made["subscriber_id"]
        told = managed.tokens.introspect(token=made["token"])
        of_type(told, types.Introspection)
        assert told["active"]
        both = managed.tokens.introspect_many(tokens=[made["token"], "x"])
        of_type(both, types.Introspections)
        assert both == {"tokens": [told, {"active": False}]}
        session = managed.sessions.get(told["session_id"])
        of_type(session, types.Session)
        assert managed.sessions.list(subscriber)["data"] == [session]
        assert [item["id"] for item in managed.sessions.paginate(subscriber)] == [session["id"]]
        assert managed.subscribers.devices(subscriber) == {"devices": []}
        assert managed.subscribers.presence(subscriber) == {"online": False, "connections": []}
        assert managed.tokens.revoke(token=made["refresh_token"]) == {"revoked_sessions": 1}
        assert managed.tokens.introspect(token=made["token"]) == {"active": False}
        assert managed.sessions.get(session["id"])["ended"] is not None
        client.fabric.tokens.create_subscriber_token(reference="managed")
        (active,) = managed.project_sessions.paginate(subscriber="managed", state="active")
        of_type(active, types.Session)
        assert managed.project_sessions.count(subscriber="managed")["value"] == 2
        assert managed.project_sessions.revoke(subscriber="managed") == {"revoked_sessions": 1}
        of_type(managed.stats.get(), types.Stats)
        (issued, _) = managed.events.list(kind=["issued"], subscriber="managed")["data"]
        assert issued["reference"] == "managed"
        client.fabric.tokens.create_subscriber_token(reference="managed")
        assert managed.sessions.revoke_all(subscriber) == {"revoked_sessions": 1}
        event = managed.events.list(page_size=1)["data"][0]
        of_type(event, types.Event)
        assert next(iter(managed.events.paginate(page_size=1)))["id"] == event["id"]


async def test_api_tokens_have_the_hour_of_their_last_use(live: Live) -> None:
    async with live.async_client() as client:
        first = (await client.satmint.api_tokens.list())["data"]
        # Tests of verifiers have made others, with one permission.
        (shown,) = (one for one in first if "management" in one["permissions"])
        assert "…" in shown["token"]
        listed = [one["id"] async for one in client.satmint.api_tokens.paginate()]
        assert listed[: len(first)] == [one["id"] for one in first]


async def test_addresses_click_to_call_tokens_and_webhooks(live: Live) -> None:
    async with live.async_client() as client:
        managed = client.satmint
        address = await managed.addresses.create(name="lobby", type="room", channels=["video"])
        of_type(address, types.Address)
        changed = await managed.addresses.update(address["id"], locked=True, display_name="Lobby")
        assert (changed["locked"], changed["display_name"]) == (True, "Lobby")
        token = await managed.c2c_tokens.create(address_id=address["id"], name="site")
        of_type(token, types.NewClickToCallToken)
        listed = [item async for item in managed.c2c_tokens.paginate()]
        (mine,) = (item for item in listed if item["id"] == token["id"])
        of_type(mine, types.ClickToCallToken)
        disabled = await managed.c2c_tokens.disable(token["id"])
        assert disabled["disabled_at"]
        assert await managed.c2c_tokens.delete(token["id"]) == {}
        assert await managed.addresses.delete(address["id"]) == {}
        webhook = await managed.webhooks.create(url="https://alerts.example.com/satmint")
        of_type(webhook, types.NewWebhook)
        (shown,) = (await managed.webhooks.list())["data"]
        of_type(shown, types.Webhook)
        assert await managed.webhooks.get(webhook["id"]) == shown
        assert (await managed.webhooks.pause(webhook["id"]))["paused_by"] == "operator"
        pair = await client.fabric.tokens.create_subscriber_token(reference="told")
        await managed.tokens.revoke(token=pair["token"])
        (waiting,) = (await managed.webhooks.list_deliveries(webhook["id"]))["data"]
        of_type(waiting, types.Delivery)
        assert (waiting["state"], waiting["next_attempt_at"]) == ("pending", None)
        retried = await managed.webhooks.retry_delivery(webhook["id"], waiting["id"])
        assert retried["id"] == waiting["id"]
        told = [one async for one in managed.webhooks.paginate_deliveries(webhook["id"])]
        assert [one["id"] for one in told] == [waiting["id"]]
        result = await managed.webhooks.test(webhook["id"])
        of_type(result, types.WebhookTest)
        assert not result["delivered"]  # the name does not resolve
        assert await managed.webhooks.delete(webhook["id"]) == {}
