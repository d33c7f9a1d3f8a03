"""Pages of every kind of list: complete, in order, and stable while rows come and go."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from uuid import UUID

import pytest

from satmint.model.claims import Kind
from satmint.model.events import EventKind
from satmint.model.listing import AddressFilter, Anchor, Page, SortBy, Window
from satmint.model.rooms import ResourceFilter, Room
from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.store.store_setup import Given

Key = tuple[int | str, UUID]


async def never(_row: UUID) -> None:
    raise AssertionError("no row of this list can be removed by itself")


@dataclass(frozen=True)
class ListUnderTest:
    """A list that can be filled: each row at a time of its own, or at the same time as others."""

    add: Callable[[int], Awaitable[Key]]
    """Adds a row at a time and returns its key."""
    read: Callable[[Window], Awaitable[Page[Any]]]
    key: Callable[[Any], Key]
    remove: Callable[[UUID], Awaitable[object]] = never
    sort_by: SortBy = SortBy.CREATED_AT

    def window(
        self,
        size: int,
        *,
        anchor: Anchor | None = None,
        descending: bool = False,
    ) -> Window:
        return Window(size, anchor, self.sort_by, descending)


Make = Callable[[Store, Given, UUID], Awaitable[ListUnderTest]]


async def subscribers(store: Store, given: Given, project: UUID) -> ListUnderTest:
    async def add(at: int) -> Key:
        return at, await given.subscriber(project, at=at)

    async def remove(subscriber: UUID) -> bool:
        event = given.event(EventKind.SUBSCRIBER_DELETED, project)
        return await store.subscribers.delete(project, subscriber, NOW, event)

    return ListUnderTest(
        add,
        lambda window: store.subscribers.list(project, window),
        lambda found: (found.created_at, found.id),
        remove,
    )


async def addresses(store: Store, given: Given, project: UUID) -> ListUnderTest:
    async def add(at: int) -> Key:
        return at, (await given.address(project, created_at=at)).id

    return ListUnderTest(
        add,
        lambda window: store.addresses.list(project, AddressFilter(), window),
        lambda found: (found.created_at, found.id),
        lambda address: given.delete_address(project, address),
    )


async def addresses_by_name(store: Store, given: Given, project: UUID) -> ListUnderTest:
    """Names repeat across contexts, as times do."""

    async def add(at: int) -> Key:
        name = f"name{at - NOW}"
        return name, (await given.address(project, name=name, context=given.word("context"))).id

    return ListUnderTest(
        add,
        lambda window: store.addresses.list(project, AddressFilter(), window),
        lambda found: (found.name, found.id),
        lambda address: given.delete_address(project, address),
        SortBy.NAME,
    )


async def c2c_tokens(store: Store, given: Given, project: UUID) -> ListUnderTest:
    async def add(at: int) -> Key:
        return at, (await given.c2c_token(project, at=at)).id

    async def remove(token: UUID) -> bool:
        event = given.event(EventKind.C2C_TOKEN_DELETED, project)
        return await store.projects.delete_c2c_token(project, token, event)

    return ListUnderTest(
        add,
        lambda window: store.projects.list_c2c_tokens(project, window),
        lambda found: (found.created_at, found.id),
        remove,
    )


async def sessions(store: Store, given: Given, project: UUID) -> ListUnderTest:
    subscriber = await given.subscriber(project, "alice")

    async def add(at: int) -> Key:
        return at, (await given.session(project, "alice", at=at)).session

    return ListUnderTest(
        add,
        lambda window: store.sessions.list(project, subscriber, window),
        lambda found: (found.created_at, found.id),
    )


async def events(store: Store, given: Given, project: UUID) -> ListUnderTest:
    """Ordered by their positions, whatever their times."""
    keys: dict[bytes, Key] = {}

    async def add(at: int) -> Key:
        event = given.event(EventKind.ISSUED, project, at=at)
        session = given.new_session()
        await store.sessions.open_temporary(
            project, given.id(), kind=Kind.GUEST, session=session, now=at, event=event
        )
        newest = await store.events.list(project, Window(1, descending=True))
        keys[event.id] = newest.positions[0], UUID(bytes=event.id)
        return keys[event.id]

    return ListUnderTest(
        add, lambda window: store.events.list(project, window), lambda found: keys[found.id]
    )


async def resources(store: Store, given: Given, project: UUID) -> ListUnderTest:
    """Rooms and subscribers, in turn."""
    rooms: dict[UUID, Room] = {}
    count = 0

    async def add(at: int) -> Key:
        nonlocal count
        count += 1
        if count % 2:
            return at, await given.subscriber(project, at=at)
        room = await given.room(project, at=at)
        rooms[room.id] = room
        return at, room.id

    async def remove(resource: UUID) -> bool:
        if resource in rooms:
            return await given.delete_room(rooms[resource])
        event = given.event(EventKind.SUBSCRIBER_DELETED, project)
        return await store.subscribers.delete(project, resource, NOW, event)

    return ListUnderTest(
        add,
        lambda window: store.resources.list(project, ResourceFilter(), window),
        lambda found: (found.created_at, found.id),
        remove,
    )


SHRINKING = [subscribers, addresses, addresses_by_name, c2c_tokens, resources]
"""Lists whose rows can be removed one by one."""
LISTS = [*SHRINKING, sessions, events]


@pytest.fixture(params=LISTS, ids=lambda make: make.__name__)
async def listed(request: pytest.FixtureRequest, store: Store, given: Given) -> ListUnderTest:
    return await between_strangers(request.param, store, given)


@pytest.fixture(params=SHRINKING, ids=lambda make: make.__name__)
async def shrinking(request: pytest.FixtureRequest, store: Store, given: Given) -> ListUnderTest:
    return await between_strangers(request.param, store, given)


async def between_strangers(make: Make, store: Store, given: Given) -> ListUnderTest:
    """A list in one project, with rows of another project around that must never show."""
    other, project = await given.project(), await given.project()
    stranger = await make(store, given, other)
    for at in (NOW - 50, NOW + 3, NOW + 50):
        await stranger.add(at)
    return await make(store, given, project)


async def fill(listed: ListUnderTest, count: int) -> list[Key]:
    """Rows at a few times in no order, so that many share theirs; returns their keys in order."""
    dice = Random(7)
    return sorted([await listed.add(NOW + dice.randrange(5)) for _ in range(count)])


async def walk(
    listed: ListUnderTest,
    size: int,
    *,
    descending: bool = False,
    start: Key | None = None,
    meanwhile: Callable[[Page[Any]], Awaitable[None]] | None = None,
) -> list[Key]:
    """The keys of all pages, from the first on or, with `start`, backwards from before it."""
    seen: list[list[Key]] = []
    backwards = start is not None
    anchor = None if start is None else Anchor(*start, backwards=True)
    for _ in range(100):
        page = await listed.read(listed.window(size, anchor=anchor, descending=descending))
        keys = [listed.key(item) for item in page.items]
        assert len(keys) <= size
        seen.append(keys)
        if meanwhile is not None:
            await meanwhile(page)
        if not (page.more_before if backwards else page.more_after):
            break
        edge = keys[0] if backwards else keys[-1]
        anchor = Anchor(*edge, backwards=backwards)
    else:
        raise AssertionError("the list has no end")
    pages = reversed(seen) if backwards else seen
    return [key for keys in pages for key in keys]


async def test_an_empty_list_has_one_empty_page(listed: ListUnderTest) -> None:
    for descending in (False, True):
        page = await listed.read(listed.window(5, descending=descending))
        assert (page.items, page.more_before, page.more_after) == ((), False, False)


@pytest.mark.parametrize("size", [1, 3, 4, 11, 12, 13, 1000])
@pytest.mark.parametrize("descending", [False, True])
async def test_pages_cover_the_list_once_and_in_order(
    listed: ListUnderTest, size: int, descending: bool
) -> None:
    keys = await fill(listed, 12)
    expected = keys[::-1] if descending else keys
    assert await walk(listed, size, descending=descending) == expected


@pytest.mark.parametrize("size", [1, 3, 4, 1000])
@pytest.mark.parametrize("descending", [False, True])
async def test_pages_walked_backwards_cover_what_lies_before_in_the_same_order(
    listed: ListUnderTest, size: int, descending: bool
) -> None:
    keys = await fill(listed, 12)
    expected = keys[::-1] if descending else keys
    assert await walk(listed, size, descending=descending, start=expected[-1]) == expected[:-1]


async def test_a_page_says_whether_there_is_more_on_either_side(listed: ListUnderTest) -> None:
    keys = await fill(listed, 4)
    first = await listed.read(listed.window(2))
    assert (first.more_before, first.more_after) == (False, True)
    last = await listed.read(listed.window(2, anchor=Anchor(*keys[1])))
    assert (last.more_before, last.more_after) == (True, False)
    assert [listed.key(item) for item in last.items] == keys[2:]
    middle = await listed.read(listed.window(1, anchor=Anchor(*keys[2], backwards=True)))
    assert (middle.more_before, middle.more_after) == (True, True)
    begin = await listed.read(listed.window(2, anchor=Anchor(*keys[2], backwards=True)))
    assert (begin.more_before, begin.more_after) == (False, True)


@pytest.mark.parametrize("descending", [False, True])
async def test_rows_that_come_meanwhile_neither_repeat_nor_hide_others(
    listed: ListUnderTest, descending: bool
) -> None:
    keys = await fill(listed, 12)
    came: list[Key] = []

    async def meanwhile(_page: Page[Any]) -> None:
        if len(came) < 20:
            came.extend([await listed.add(NOW + 2), await listed.add(NOW - 9 + len(came))])

    seen = await walk(listed, 3, descending=descending, meanwhile=meanwhile)
    assert seen == sorted(seen, reverse=descending)
    assert len(set(seen)) == len(seen)
    assert set(keys) <= set(seen) <= {*keys, *came}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
async def test_rows_that_go_meanwhile_do_not_hide_others(
    shrinking: ListUnderTest, descending: bool, backwards: bool
) -> None:
    """Even the very row from which the next page goes on may go."""
    keys = await fill(shrinking, 12)
    order = keys[::-1] if descending else keys

    async def meanwhile(page: Page[Any]) -> None:
        for item in page.items:
            await shrinking.remove(shrinking.key(item)[1])

    start = order[-1] if backwards else None
    seen = await walk(shrinking, 3, descending=descending, start=start, meanwhile=meanwhile)
    assert seen == (order[:-1] if backwards else order)


async def test_an_anchor_need_not_be_a_row_of_the_list(listed: ListUnderTest) -> None:
    keys = await fill(listed, 6)
    before = replace(listed.window(100), anchor=Anchor(keys[0][0], UUID(int=0)))
    after = replace(listed.window(100), anchor=Anchor(keys[-1][0], UUID(int=(1 << 128) - 1)))
    assert [listed.key(item) for item in (await listed.read(before)).items] == keys
    assert (await listed.read(after)).items == ()
