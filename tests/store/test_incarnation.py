"""The incarnation of a database, and the marks of its machines."""

from uuid import UUID

from msgspec.structs import replace

from satmint.model.events import EventKind
from satmint.model.incarnation import Incarnation, Mark
from satmint.model.records import ApiToken
from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.store.store_setup import Given

FIRST = Incarnation(UUID(int=1), 1, NOW, "here")
MARK = Mark(UUID(int=2), FIRST.id, b"first", NOW)
NEXT = Mark(MARK.id, FIRST.id, b"next", NOW + 1)
LATER = Mark(MARK.id, FIRST.id, b"later", NOW + 2)


async def test_first_incarnation_begins_once(store: Store) -> None:
    found = store.incarnation
    assert await found.get() is None
    assert await found.is_empty()
    assert await found.begin(FIRST, MARK) == FIRST
    second = Incarnation(UUID(int=3), 1, NOW, "there")
    other = Mark(UUID(int=4), second.id, b"other", NOW)
    assert await found.begin(second, other) == FIRST
    assert await found.get_mark(other.id) is None
    await found.relocate("elsewhere")
    assert await found.get() == Incarnation(FIRST.id, 1, NOW, "elsewhere")


async def test_mark_is_replaced_by_who_has_it_or_the_one_before(store: Store) -> None:
    found = store.incarnation
    await found.begin(FIRST, MARK)
    assert await found.replace_mark(MARK, NEXT)
    stored = await found.get_mark(MARK.id)
    assert (NEXT.is_of(stored), MARK.is_of(stored), LATER.is_of(stored)) == (True, True, False)
    # NEXT was lost on its way to the file.
    assert await found.replace_mark(MARK, LATER)
    assert not NEXT.is_of(await found.get_mark(MARK.id))
    assert not await found.replace_mark(NEXT, MARK)
    assert LATER.is_of(await found.get_mark(MARK.id))


async def test_a_write_is_noticed(store: Store, given: Given) -> None:
    before = await store.incarnation.changes()
    await given.project()
    assert await store.incarnation.changes() != before


async def test_adoption_revokes_every_session_and_forgets_other_marks(
    store: Store, given: Given
) -> None:
    found = store.incarnation
    await found.begin(FIRST, MARK)
    project = await given.project()
    session = await given.session(project)
    secret = given.entropy.take(32)
    token = ApiToken(given.id(), project, "ci", frozenset(), secret, NOW, unused=True)
    created = given.event(EventKind.API_TOKEN_CREATED, project)
    await store.projects.add_api_token(token, created)
    assert not await found.is_empty()
    new = Incarnation(UUID(int=5), 2, NOW + 9, "here")
    mark = Mark(UUID(int=6), new.id, b"own", NOW + 9)
    event = given.event(EventKind.DATABASE_ADOPTED, project)
    await found.adopt(new, mark, NOW + 9, [event])
    assert await found.get() == new
    assert await found.get_mark(MARK.id) is None
    assert mark.is_of(await found.get_mark(mark.id))
    known = await store.sessions.get(project, session.session)
    assert known is not None
    assert known.state.revoked
    assert known.session.revoked_at == NOW + 9
    assert not await found.replace_mark(MARK, NEXT)
    # Its text must not be shown again: it may have been used since the copy was made.
    assert await store.projects.api_token(project, token.id) == replace(token, unused=False)
