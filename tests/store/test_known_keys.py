"""The ids of the master keys that a database knows."""

import asyncio

from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.store.conftest import Open


async def test_the_first_keyring_is_recorded(store: Store) -> None:
    assert await store.known_keys.ids() == set()
    assert await store.known_keys.record(["a"], NOW)
    assert await store.known_keys.ids() == {"a"}


async def test_keyring_with_a_known_key_adds_its_others(store: Store) -> None:
    """As rotations do: the former key is in the keyring until it is retired."""
    await store.known_keys.record(["a"], NOW)
    assert await store.known_keys.record(["b", "a"], NOW + 1)
    assert await store.known_keys.record(["b"], NOW + 2)
    assert await store.known_keys.record(["c", "b"], NOW + 3)
    assert await store.known_keys.ids() == {"a", "b", "c"}


async def test_keyring_without_a_known_key_changes_nothing(store: Store) -> None:
    await store.known_keys.record(["a"], NOW)
    assert not await store.known_keys.record(["x", "y"], NOW + 1)
    assert await store.known_keys.ids() == {"a"}


async def test_replaced_keys_are_no_longer_known(store: Store) -> None:
    await store.known_keys.record(["a"], NOW)
    await store.known_keys.replace(["x"], NOW + 1)
    assert await store.known_keys.ids() == {"x"}
    assert not await store.known_keys.record(["a"], NOW + 2)


async def test_of_two_keyrings_that_are_the_first_at_once_one_is_recorded(
    database: Open,
) -> None:
    async with database() as one, database() as other:
        recorded = await asyncio.gather(
            one.known_keys.record(["a"], NOW), other.known_keys.record(["x"], NOW)
        )
        assert sorted(recorded) == [False, True]
        assert await one.known_keys.ids() == ({"a"} if recorded[0] else {"x"})
