"""The page of keys: what it shows, and that it changes the keyring as the commands do."""

from pathlib import Path

import pytest

from satmint.jose import KeyringError, KeyState
from satmint.keyring_file import read_keyring
from satmint.model.events import EventKind
from tests.console.visitor import Visitor, visiting
from tests.kit.service import Server

KEYS = "/console/keys"


def states(server: Server) -> dict[str, KeyState]:
    keyring = read_keyring(Path(server.service.settings.keyring))
    return {key.id: key.state for key in keyring.keys}


def break_(file: Path) -> None:
    file.write_text("{}")


async def change(visitor: Visitor, path: str, **fields: str) -> str:
    """Open the question, answer it, and return the page that follows."""
    assert (await visitor.get(path)).status_code == 200
    answer = await visitor.follow(await visitor.post(path, fields))
    return answer.text


async def test_keys_are_prepared_activated_and_retired(server: Server, visitor: Visitor) -> None:
    (first,) = states(server)
    page = await change(visitor, f"{KEYS}/prepare")
    prepared = next(key for key, state in states(server).items() if state is KeyState.NEXT)
    assert f"Key {prepared} is prepared." in page
    assert "Activate the prepared key" in page
    assert f'href="{KEYS}/prepare"' not in page
    page = await change(visitor, f"{KEYS}/rotate")
    assert states(server) == {prepared: KeyState.ACTIVE, first: KeyState.RETIRED}
    assert f"Key {prepared} is active." in page
    page = await change(visitor, f"{KEYS}/{first}/retire")
    assert states(server) == {prepared: KeyState.ACTIVE}
    assert f"Key {first} is retired." in page
    assert (await server.events())[-2:] == [EventKind.KEY_ROTATED, EventKind.KEY_RETIRED]
    origin = (await server.audit_trail())[-1].origin
    assert origin.agent.startswith("console (operator); ")


async def test_key_whose_tokens_are_active_is_retired_only_when_its_id_is_typed(
    server: Server, visitor: Visitor
) -> None:
    (first,) = states(server)
    await server.sign_in()
    await server.settled()
    await change(visitor, f"{KEYS}/rotate")
    question = (await visitor.get(f"{KEYS}/{first}/retire")).text
    assert "up to 1 session will end at once" in question
    assert f"Type <code>{first}</code> to confirm" in question
    page = await change(visitor, f"{KEYS}/{first}/retire", typed="something else")
    assert "Type the id of the key to confirm." in page
    assert first in states(server)
    await change(visitor, f"{KEYS}/{first}/retire", typed=first)
    assert first not in states(server)


async def test_active_and_unknown_keys_cannot_be_retired(server: Server, visitor: Visitor) -> None:
    (active,) = states(server)
    for key in (active, "nothing", "..", "%2e%2e"):
        assert (await visitor.get(f"{KEYS}/{key}/retire")).status_code == 404
    await visitor.get(KEYS)
    assert (await visitor.post(f"{KEYS}/{active}/retire", {"typed": active})).status_code == 404
    assert list(states(server)) == [active]


async def test_keyring_that_cannot_be_written_stays_as_it_is(
    server: Server, visitor: Visitor
) -> None:
    file = Path(server.service.settings.keyring)
    await visitor.get(f"{KEYS}/rotate")
    break_(file)
    page = (await visitor.follow(await visitor.post(f"{KEYS}/rotate"))).text
    assert "Not done: cannot use the keyring" in page
    with pytest.raises(KeyringError):
        states(server)


async def test_page_shows_no_key_material(server: Server, visitor: Visitor) -> None:
    page = (await visitor.get(KEYS)).text
    keyring = read_keyring(Path(server.service.settings.keyring))
    jwks = keyring.to_jwks()
    secret = jwks.partition('"k": "')[2].partition('"')[0]
    assert keyring.active.id in page
    assert secret not in page


async def test_manager_has_no_such_page(server: Server) -> None:
    async with visiting(server) as manager:
        await manager.sign_in_as_manager()
        for path in (KEYS, f"{KEYS}/rotate", "/console/settings", "/console/overview"):
            assert (await manager.get(path)).status_code == 404
        await manager.get(f"/console/projects/{server.tenant.id}/overview")
        assert (await manager.post(f"{KEYS}/rotate")).status_code == 404
    assert len(states(server)) == 1
