"""Counts of a project's records."""

from dataclasses import fields
from uuid import UUID

import pytest

from satmint.model.claims import Kind
from satmint.model.events import EventKind
from satmint.model.listing import BoundedCount
from satmint.model.records import Presence
from satmint.model.webhooks import Webhook
from satmint.store.contract import Store
from satmint.store.sql import stats
from tests.kit.clock import NOW
from tests.store.store_setup import Given

NONE = BoundedCount(0, is_exact=True)


def exactly(value: int) -> BoundedCount:
    return BoundedCount(value, is_exact=True)


async def test_an_empty_project_has_nothing(store: Store, given: Given) -> None:
    project = await given.project()
    found = await store.stats.of_project(project, NOW)
    for field in fields(found):
        value = getattr(found, field.name)
        assert value in (NONE, {}, dict.fromkeys(Kind, NONE)), field.name


async def test_everything_of_a_project_is_counted_and_nothing_of_another(
    store: Store, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    for project in (await given.project(), await given.project()):
        await fill(given, project)
    found = await store.stats.of_project(project, NOW)
    assert found.subscribers == exactly(2)
    assert found.sessions == exactly(5)
    assert found.active_sessions == {
        Kind.SUBSCRIBER: exactly(1),
        Kind.GUEST: exactly(1),
        Kind.INVITE: exactly(1),
        Kind.EMBED: NONE,
    }
    assert (found.bound_sessions, found.online_connections) == (exactly(1), exactly(1))
    assert (found.addresses, found.rooms, found.c2c_tokens) == (exactly(4), exactly(1), exactly(1))
    assert (found.api_tokens, found.webhooks, found.pending_deliveries) == (
        exactly(1),
        exactly(1),
        exactly(1),
    )
    assert found.events == exactly(7)
    assert found.events_by_kind == {
        EventKind.API_TOKEN_CREATED: 1,
        EventKind.C2C_TOKEN_CREATED: 1,
        EventKind.ISSUED: 3,
        EventKind.SESSION_REVOKED: 1,
        EventKind.WEBHOOK_CREATED: 1,
    }
    monkeypatch.setattr(stats, "COUNT_LIMIT", 2)
    bounded = await store.stats.of_project(project, NOW)
    assert bounded.subscribers == exactly(2)
    assert bounded.sessions == bounded.addresses == BoundedCount(2, is_exact=False)
    assert bounded.events == BoundedCount(2, is_exact=False)
    assert not any(count.is_exact for count in bounded.active_sessions.values())


async def fill(given: Given, project: UUID) -> None:
    await given.api_token(project)
    await given.c2c_token(project)
    await given.room(project)
    webhook = Webhook(given.id(), project, "https://a.example/", "sealed", NOW)
    event = given.event(EventKind.WEBHOOK_CREATED, project, subject=webhook.id)
    assert await given.store.webhooks.add(webhook, 10, event)
    bound = await given.session(project, "alice", jkt="k" * 43, at=NOW - 3601)
    await given.session(project, "alice", at=NOW - 7500, expires_at=NOW - 300)
    revoked = await given.session(project, "bob")
    await given.revoke(revoked)
    await given.guest(project)
    await given.invite(bound)
    found = await given.store.sessions.get(project, bound.session)
    assert found is not None
    lease = Presence(project, given.id(), found.session.subscriber, bound.session, NOW, NOW + 60)
    over = Presence(project, given.id(), found.session.subscriber, bound.session, NOW, NOW)
    await given.store.presence.set_online([lease, over], NOW)
