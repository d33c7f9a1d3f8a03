"""A clock that goes forward and back: a replay window that was over stays over."""

import pytest

from satmint.model.rotation import Replayed, Reused
from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.store.store_setup import Given


async def look(store: Store, given: Given, how: str, at: int) -> None:
    """The store sees the time, for another session or for none."""
    if how == "purge":
        await store.purge(at, 0, 10)
    elif how == "seen":
        store.sessions.mark_seen(await given.session(await given.project()), at)
    else:
        await given.rotate(await given.session(await given.project(), at=at), at=at)


@pytest.mark.parametrize("how", ["purge", "seen", "rotation"])
@pytest.mark.parametrize("back_to", [NOW + 500, NOW + 1, NOW - 5])
async def test_window_that_was_over_stays_over(
    store: Store, given: Given, how: str, back_to: int
) -> None:
    project = await given.project()
    first = await given.session(project)
    await given.rotate(first)
    await look(store, given, how, NOW + 700)
    assert isinstance(await given.rotate(first, at=back_to), Reused)


async def test_window_that_is_open_stays_open(store: Store, given: Given) -> None:
    project = await given.project()
    first, second = await given.session(project), await given.session(project)
    await given.rotate(first)
    await look(store, given, "purge", NOW + 300)
    assert isinstance(await given.rotate(first, at=NOW + 100), Replayed)
    await look(store, given, "purge", NOW + 900)
    await given.rotate(second, at=NOW + 200)  # after the clock was set back again
    assert isinstance(await given.rotate(second, at=NOW + 250), Replayed)
