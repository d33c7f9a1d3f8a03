"""A decision that does not fit the row is a bug: its caller is told, and nothing is written."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from satmint.model.possession import Accepted
from satmint.model.rotation import RefreshTokenRef, RotationDecision
from satmint.store.sqlite import SqliteStore, open_sqlite, possession, rotation
from tests.kit.clock import NOW
from tests.store.key_holders import KEY, OTHER_KEY, Holder
from tests.store.store_setup import Given
from tests.store.tables import whole_tables


@pytest.fixture
async def store(file: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_sqlite(file, NOW)
    yield opened
    await opened.close()


async def test_rotation_that_is_decided_for_no_session(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Given(store)
    nobody = RefreshTokenRef(await given.project(), given.id(), 0, 0)
    before = await whole_tables(store)
    monkeypatch.setattr(rotation, "decide_rotation", lambda *_: RotationDecision.REPLAY)
    with pytest.raises(LookupError, match="for a session that does not exist"):
        await given.rotate(nobody)
    assert await whole_tables(store) == before


async def test_rotation_that_is_decided_for_a_revoked_session(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Given(store)
    ref = await given.session(await given.project())
    await given.revoke(ref)
    before = await whole_tables(store)
    monkeypatch.setattr(rotation, "decide_rotation", lambda *_: RotationDecision.ROTATE)
    with pytest.raises(RuntimeError, match="the conditional write and the rules disagree"):
        await given.rotate(ref)
    assert await whole_tables(store) == before


async def test_binding_that_is_decided_for_a_session_of_another_key(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Given(store)
    holder = Holder(given, await given.session(await given.project(), jkt=KEY))
    before = await whole_tables(store)
    accepted = Accepted(None, bound=True)
    monkeypatch.setattr(possession, "decide_possession", lambda *_: accepted)
    with pytest.raises(RuntimeError, match="bound outside of the decision rules"):
        await holder.prove(holder.shown(OTHER_KEY))
    assert await whole_tables(store) == before
