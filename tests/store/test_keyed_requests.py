"""Requests with an idempotency key: stored with what they make, or not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from satmint.model.claims import Kind
from satmint.model.events import EventKind
from satmint.model.idempotency import KEPT_SECONDS, KeyedRequest
from satmint.model.records import Address, AddressType, ApiToken, C2cToken, Channel
from satmint.model.webhooks import Webhook
from satmint.store.contract import (
    NewSession,
    NewSubscriber,
    NotUnique,
    RequestRepeated,
    Store,
    SubscriberChange,
)
from tests.kit.clock import NOW
from tests.store.store_setup import Given
from tests.store.tables import whole_tables

Make = Callable[[Given, UUID, KeyedRequest | None], Awaitable[object]]


def keyed_request(given: Given, project: UUID, *, at: int = NOW) -> KeyedRequest:
    take = given.entropy.take
    return KeyedRequest(
        project, take(32), take(32), "master", take(32), given.id(), at + KEPT_SECONDS
    )


async def an_api_token(given: Given, project: UUID, keyed: KeyedRequest | None) -> object:
    token = ApiToken(given.id(), project, "ci", frozenset(), given.entropy.take(32), NOW)
    event = given.event(EventKind.API_TOKEN_CREATED, project)
    await given.store.projects.add_api_token(token, event, keyed)
    return token


async def a_c2c_token(given: Given, project: UUID, keyed: KeyedRequest | None) -> object:
    token = C2cToken(given.id(), project, given.id(), "", given.entropy.take(32), (), NOW)
    event = given.event(EventKind.C2C_TOKEN_CREATED, project)
    await given.store.projects.add_c2c_token(token, event, keyed)
    return token


async def a_webhook(given: Given, project: UUID, keyed: KeyedRequest | None) -> object:
    webhook = Webhook(given.id(), project, "https://hooks.example.com", "sealed", NOW)
    event = given.event(EventKind.WEBHOOK_CREATED, project)
    return await given.store.webhooks.add(webhook, 1, event, keyed)


async def an_address(given: Given, project: UUID, keyed: KeyedRequest | None) -> object:
    address = Address(
        *(given.id(), project, "public", "desk", "Desk", AddressType.ROOM, frozenset(Channel)),
        created_at=NOW,
    )
    await given.store.addresses.create(address, keyed)
    return address


async def a_subscriber(given: Given, project: UUID, keyed: KeyedRequest | None) -> object:
    new = NewSubscriber(given.id(), given.id(), "bob@example.com", "bob@example.com")
    change = SubscriberChange()
    return await given.store.subscribers.create(new, project, change, NOW, keyed)


def new_session(given: Given) -> NewSession:
    return NewSession(given.id(), NOW + 7200, NOW + 10**6)


async def a_sign_in(given: Given, project: UUID, keyed: KeyedRequest | None) -> object:
    new = NewSubscriber(given.id(), given.id(), "alice", None)
    session = new_session(given)
    event = given.event(EventKind.ISSUED, project, session=session.id)
    return await given.store.sessions.open_for_reference(
        project, new, SubscriberChange(), session, NOW, event, keyed
    )


async def a_guest(given: Given, project: UUID, keyed: KeyedRequest | None) -> object:
    session = new_session(given)
    event = given.event(EventKind.ISSUED, project, session=session.id)
    return await given.store.sessions.open_temporary(
        project, given.id(), Kind.GUEST, session, NOW, event, keyed
    )


MAKERS: Final[dict[str, Make]] = {
    "an API token": an_api_token,
    "a Click-to-Call token": a_c2c_token,
    "a webhook": a_webhook,
    "an address": an_address,
    "a subscriber": a_subscriber,
    "a sign-in": a_sign_in,
    "a guest": a_guest,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
async def test_of_many_with_one_key_one_is_carried_out(
    store: Store, given: Given, make: Make
) -> None:
    project = await given.project()
    first = keyed_request(given, project)
    rivals = [replace(first, resource=given.id()) for _ in range(8)]
    results: list[Any] = await asyncio.gather(
        *(make(given, project, rival) for rival in rivals), return_exceptions=True
    )
    repeated = [result for result in results if isinstance(result, RequestRepeated)]
    assert len(repeated) == 7, results
    winner = await store.keyed_requests.find(project, first.key_digest, NOW)
    assert winner in rivals
    assert {error.first.resource for error in repeated} == {winner.resource}
    made = await whole_tables(store)
    with pytest.raises(RequestRepeated):
        await make(given, project, first)
    assert await whole_tables(store) == made


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
async def test_a_request_without_a_key_stores_none(store: Store, given: Given, make: Make) -> None:
    await make(given, await given.project(), None)
    assert (await whole_tables(store))["keyed_requests"] == []


async def test_a_key_is_found_until_it_is_forgotten_and_then_replaced(
    store: Store, given: Given
) -> None:
    project = await given.project()
    first = keyed_request(given, project)
    await an_api_token(given, project, first)
    find = store.keyed_requests.find
    assert await find(project, first.key_digest, NOW + KEPT_SECONDS - 1) == first
    assert await find(project, first.key_digest, NOW + KEPT_SECONDS) is None
    assert await find(await given.project(), first.key_digest, NOW) is None
    late = replace(
        keyed_request(given, project, at=NOW + KEPT_SECONDS), key_digest=first.key_digest
    )
    early = replace(late, forget_at=late.forget_at - 1)
    with pytest.raises(RequestRepeated):
        await an_api_token(given, project, early)
    await an_api_token(given, project, late)
    assert await find(project, first.key_digest, NOW + KEPT_SECONDS) == late


async def test_what_makes_nothing_leaves_its_key_free(store: Store, given: Given) -> None:
    project = await given.project()
    await an_address(given, project, None)
    await a_subscriber(given, project, None)
    await a_webhook(given, project, None)
    for make in (an_address, a_subscriber):
        with pytest.raises(NotUnique):
            await make(given, project, keyed_request(given, project))
    assert await a_webhook(given, project, keyed_request(given, project)) is False
    assert (await whole_tables(store))["keyed_requests"] == []


async def test_keys_of_two_projects_are_two_keys(store: Store, given: Given) -> None:
    one, other = await given.project(), await given.project()
    first = keyed_request(given, one)
    await an_api_token(given, one, first)
    second = replace(first, project=other, resource=given.id())
    await an_api_token(given, other, second)
    assert await store.keyed_requests.find(other, first.key_digest, NOW) == second


async def test_forgotten_requests_are_purged_a_few_at_a_time(store: Store, given: Given) -> None:
    project = await given.project()
    for at in (NOW, NOW, NOW, NOW + 1):
        await an_api_token(given, project, keyed_request(given, project, at=at))
    assert (await store.purge(NOW + KEPT_SECONDS - 1, 0, 2)).removed == 0
    assert (await store.purge(NOW + KEPT_SECONDS, 0, 2)).removed == 2
    assert (await store.purge(NOW + KEPT_SECONDS, 0, 2)).removed == 1
    assert len((await whole_tables(store))["keyed_requests"]) == 1


async def test_an_api_token_is_marked_as_used_once(store: Store, given: Given) -> None:
    project = await given.project()
    token = ApiToken(
        *(given.id(), project, "ci", frozenset(), given.entropy.take(32), NOW), unused=True
    )
    event = given.event(EventKind.API_TOKEN_CREATED, project)
    await store.projects.add_api_token(token, event, keyed_request(given, project))
    assert await store.projects.api_token_by_digest(project, token.digest) == token
    for _ in range(2):
        await store.projects.mark_api_token_used(project, token.id)
        used = await store.projects.api_token_by_digest(project, token.digest)
        assert used == msgspec.structs.replace(token, unused=False)


async def test_a_request_that_makes_nothing_else_is_stored_once(store: Store, given: Given) -> None:
    nobody = UUID(int=0)
    keyed = replace(keyed_request(given, nobody), request_digest=b"", master_key="", salt=b"")
    added = await asyncio.gather(*(store.keyed_requests.add(keyed) for _ in range(8)))
    assert sorted(added) == [False] * 7 + [True]
    assert await store.keyed_requests.find(nobody, keyed.key_digest, NOW) == keyed
    later = replace(keyed, forget_at=keyed.forget_at + KEPT_SECONDS)
    assert await store.keyed_requests.add(later)
