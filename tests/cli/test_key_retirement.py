"""Until when tokens of a retired key may be alive, which is what holds the key back."""

from pathlib import Path
from typing import Final

import pytest

from satmint.flows.revoke import revoke_session
from satmint.jose import Keyring, KeyState, MasterKey
from satmint.keyring_file import write_keyring
from satmint.maintenance import (
    KeyInfo,
    KeyUsage,
    list_keys,
    prepare_key,
    remove_key,
    rotate_keyring,
    usage_of,
)
from satmint.settings import Settings, SettingsError
from tests.kit.clock import NOW, FrozenClock
from tests.kit.entropy import SeededEntropy
from tests.kit.service import ORIGIN, Server

USUAL: Final = 7_500
"""How long a pair lives: the refresh token's two hours and five minutes."""
NOTICED: Final = 60
"""Until when a server may still have made tokens with the former key."""
WEEK: Final = 7 * 86_400

NOTHING: Final = KeyUsage(0, 0)


def settings_of(server: Server) -> Settings:
    return server.service.settings


def retired(at: int) -> KeyInfo:
    return KeyInfo("old", KeyState.RETIRED, created_at=NOW - 10, retired_at=at)


async def test_pair_that_nobody_refreshes_dies_with_its_refresh_token(server: Server) -> None:
    await server.sign_in()
    settings, key = settings_of(server), retired(NOW)
    assert usage_of(settings, key, NOW) == KeyUsage(NOW + USUAL, 1)
    assert usage_of(settings, key, NOW + USUAL - 1) == KeyUsage(NOW + USUAL, 1)
    assert usage_of(settings, key, NOW + USUAL) == NOTHING


async def test_session_that_goes_on_with_newer_keys_does_not_hold_it_for_ever(
    server: Server,
) -> None:
    pair = await server.sign_in()
    server.clock.advance(7_000)
    await server.rotate(pair["refresh_token"])
    # The rotation came long after the key had been retired: only the first pair is of it.
    now = NOW + 7_000
    used = usage_of(settings_of(server), retired(NOW), now)
    assert used == KeyUsage(NOW + NOTICED + USUAL, 1)
    assert usage_of(settings_of(server), retired(NOW), NOW + NOTICED + USUAL) == NOTHING


async def test_long_life_that_was_asked_for_holds_it_all_along(server: Server) -> None:
    pair = await server.sign_in(expire_at=NOW + WEEK)
    long = NOW + WEEK + 300
    assert usage_of(settings_of(server), retired(NOW), NOW) == KeyUsage(long, 1)
    server.clock.advance(100)
    await server.rotate(pair["refresh_token"])
    # Rotated to an ordinary pair, the SAT of a week is still out there.
    assert usage_of(settings_of(server), retired(NOW + 50), NOW + USUAL * 2) == KeyUsage(long, 1)
    assert usage_of(settings_of(server), retired(NOW + 50), long) == NOTHING


async def test_long_life_holds_it_even_when_later_generations_live_as_long(server: Server) -> None:
    pair = await server.sign_in(expire_at=NOW + 20_000)
    server.clock.advance(18_000)
    await server.rotate(pair["refresh_token"])
    # The head ends after the first SAT does; that one is of the retired key all the same.
    assert usage_of(settings_of(server), retired(NOW), NOW + 18_001) == KeyUsage(NOW + 20_300, 1)
    assert usage_of(settings_of(server), retired(NOW), NOW + 20_300) == NOTHING


async def test_session_that_began_later_is_not_of_it(server: Server) -> None:
    server.clock.advance(NOTICED + 1)
    await server.sign_in()
    assert usage_of(settings_of(server), retired(NOW), NOW + NOTICED + 1) == NOTHING
    assert usage_of(settings_of(server), retired(NOW + 1), NOW + NOTICED + 1).sessions == 1


async def test_revoked_session_holds_nothing(server: Server) -> None:
    pair = await server.sign_in()
    session = server.claims(pair["token"]).sid
    await revoke_session(server.services, server.tenant.id, session, ORIGIN)
    assert usage_of(settings_of(server), retired(NOW), NOW) == NOTHING


async def test_key_of_unknown_age_may_have_made_everything_so_far(server: Server) -> None:
    await server.sign_in()
    server.clock.advance(5_000)
    await server.sign_in("bob@example.com")
    unknown = KeyInfo("old", KeyState.RETIRED, created_at=None, retired_at=None)
    used = usage_of(settings_of(server), unknown, NOW + 5_000)
    assert used == KeyUsage(NOW + 5_000 + USUAL, 2)


async def test_without_a_database_nothing_can_be_told(tmp_path: Path) -> None:
    settings = Settings(database=f"sqlite:///{tmp_path / 'satmint.db'}")
    with pytest.raises(SettingsError) as refusal:
        usage_of(settings, retired(NOW), NOW)
    assert str(refusal.value) == f"there is no database at {tmp_path / 'satmint.db'}"


def key(name: str, state: KeyState, created_at: int) -> MasterKey:
    return MasterKey(name, state, created_at, SeededEntropy(name).take(32))


def test_each_key_was_retired_by_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    keys = (
        key("c", KeyState.ACTIVE, 300),
        key("a", KeyState.RETIRED, 100),
        key("b", KeyState.RETIRED, 200),
    )
    write_keyring(file, Keyring(keys))
    assert [(found.id, found.created_at, found.retired_at) for found in list_keys(file)] == [
        ("c", 300, None),
        ("b", 200, 300),
        ("a", 100, 200),
    ]


def test_key_was_retired_when_another_took_over_and_not_when_that_was_laid_ready(
    tmp_path: Path,
) -> None:
    file, entropy = tmp_path / "keyring.json", SeededEntropy()
    write_keyring(file, Keyring.new(entropy, NOW))
    prepare_key(file, FrozenClock(NOW + 100), entropy)
    rotate_keyring(file, FrozenClock(NOW + 5_000), entropy)
    assert [(found.created_at, found.retired_at) for found in list_keys(file)] == [
        (NOW + 100, None),
        (NOW, NOW + 5_000),
    ]
    prepare_key(file, FrozenClock(NOW + 6_000), entropy)
    assert [found.retired_at for found in list_keys(file)] == [None, None, NOW + 5_000]


def test_where_the_active_key_has_no_date_no_other_has_an_end(tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    write_keyring(file, Keyring((key("a", KeyState.ACTIVE, 0), key("b", KeyState.RETIRED, 100))))
    assert [(found.id, found.created_at, found.retired_at) for found in list_keys(file)] == [
        ("b", 100, None),
        ("a", None, None),
    ]


def test_rotation_and_removal_leave_every_other_key_as_it_was(tmp_path: Path) -> None:
    file, entropy = tmp_path / "keyring.json", SeededEntropy()
    write_keyring(file, Keyring.new(entropy, NOW))
    first = list_keys(file)[0].id
    second = rotate_keyring(file, FrozenClock(NOW + 1), entropy)[0].id
    third = rotate_keyring(file, FrozenClock(NOW + 2), entropy)[0].id
    assert [(found.id, found.state) for found in list_keys(file)] == [
        (third, KeyState.ACTIVE),
        (second, KeyState.RETIRED),
        (first, KeyState.RETIRED),
    ]
    assert [found.id for found in remove_key(file, second)] == [third, first]
    for wrong, why in (
        (third, "the active key cannot be removed: rotate first"),
        (second, "the keyring has no key with that id"),
    ):
        with pytest.raises(SettingsError) as refusal:
            remove_key(file, wrong)
        assert str(refusal.value) == why
