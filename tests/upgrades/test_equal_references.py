"""Subscribers of version 0.1.0 whose references are equal today: all are kept, none is merged."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from satmint.store.contract import Collision
from tests.kit import forked
from tests.kit.dev import clean_environment
from tests.kit.service import Json, Server, said
from tests.upgrades.former_version import DATABASES, a_server_of, held_in, restored

SUBSCRIBERS: Final = "/api/fabric/resources/subscribers"
REACHED: Final = {
    # The exact form leads to its subscriber, as before; every other form to one of them.
    "Bob@Example.com": "Bob@Example.com",
    "bob@example.com": "bob@example.com",
    "BOB@example.com": "bob@example.com",
    "IVY@example.com": "IVY@example.com",
    "Ivy@example.com": "Ivy@example.com",
    "ivy@example.com": "IVY@example.com",
    "Rene\u0301": "Rene\u0301",
    "Ren\u00e9": "Ren\u00e9",
    "dave": "dave",
    # References of one subscriber.
    "Carl@Example.com": "Carl@Example.com",
    "carl@example.com": "Carl@Example.com",
    "U\u0308nal": "\u00dcnal",
    "+15550100": "+15550100",
    "user 7": "user 7",
}
WITHOUT_KEY: Final = {
    ("reference", "Bob@Example.com", "bob@example.com"),
    ("email", "Bob@Example.com", "bob@example.com"),
    ("reference", "Ivy@example.com", "IVY@example.com"),
    ("email", "Ivy@example.com", "IVY@example.com"),
    ("reference", "Rene\u0301", "Ren\u00e9"),
    ("reference", "dave\n", None),
    ("reference", "gina\u200b", None),
    ("reference", "\u202ehal", None),
    ("reference", "\u200b", None),
    ("email", "Kim@Example.com", "lee"),
}
LABELS: Final = {
    "Bob@Example.com": "bob",
    "dave\n": "dave",
    "\u200b": "subscriber",
    "+15550100": "15550100",
    "nina@example.com": "Nina N.",
    "otto@example.com": "Otto Ott",
    "pia@example.com": "pia",
    "quin@example.com": "Quin Q.",
    "ruth@example.com": "Reception",
}

Upgraded = tuple[Server, Json]


@pytest.fixture(params=DATABASES)
async def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Upgraded]:
    async with a_server_of(tmp_path, request.param) as opened:
        yield opened


def described(held: Json, collision: Collision) -> tuple[str, str, str | None]:
    ids = {pair["subscriber_id"]: name for name, pair in held["subscribers"].items()}
    other = None if collision.other is None else ids[str(collision.other)]
    assert ids[str(collision.subscriber)] == collision.text or collision.attribute == "email"
    return collision.attribute, collision.text, other


async def test_every_reference_leads_to_whom_it_led_before(upgraded: Upgraded) -> None:
    server, held = upgraded
    for reference, owner in REACHED.items():
        signed_in = await server.sign_in(reference)
        expected = held["subscribers"][owner]["subscriber_id"]
        assert signed_in["subscriber_id"] == expected, ascii(reference)


@pytest.mark.parametrize("reference", ["gina", "hal"])
async def test_reference_that_is_refused_today_leads_nobody_else_to_its_subscriber(
    upgraded: Upgraded, reference: str
) -> None:
    server, held = upgraded
    former = {pair["subscriber_id"] for pair in held["subscribers"].values()}
    assert (await server.sign_in(reference))["subscriber_id"] not in former


async def test_collisions_are_known(upgraded: Upgraded) -> None:
    server, held = upgraded
    subscribers = server.services.store.subscribers
    found = await subscribers.collisions()
    assert await subscribers.count_collisions() == len(found)
    assert {described(held, collision) for collision in found} == WITHOUT_KEY


async def test_deleting_one_leaves_its_references_to_the_other(upgraded: Upgraded) -> None:
    server, held = upgraded
    kept = held["subscribers"]["Bob@Example.com"]["subscriber_id"]
    dropped = held["subscribers"]["bob@example.com"]["subscriber_id"]
    answer = await server.client.delete(f"{SUBSCRIBERS}/{dropped}", auth=server.tenant.auth)
    assert answer.status_code == 204
    for form in ("Bob@Example.com", "bob@example.com", "BOB@EXAMPLE.COM"):
        assert (await server.sign_in(form))["subscriber_id"] == kept
    texts = {found.text for found in await server.services.store.subscribers.collisions()}
    assert "Bob@Example.com" not in texts


async def test_changing_the_email_address_of_one_leaves_its_references_to_the_other(
    upgraded: Upgraded,
) -> None:
    server, held = upgraded
    kept = held["subscribers"]["Ivy@example.com"]["subscriber_id"]
    moved = held["subscribers"]["IVY@example.com"]["subscriber_id"]
    change = {"email": "new@example.com"}
    url = f"{SUBSCRIBERS}/{moved}"
    said(await server.client.put(url, json=change, auth=server.tenant.auth), 200)
    assert (await server.sign_in("ivy@example.com"))["subscriber_id"] == kept
    assert (await server.sign_in("New@example.com"))["subscriber_id"] == moved


async def test_fields_of_a_subscriber_without_a_key_may_be_sent_as_they_are(
    upgraded: Upgraded,
) -> None:
    server, held = upgraded
    url = f"{SUBSCRIBERS}/{held['subscribers']['Bob@Example.com']['subscriber_id']}"
    change = {"email": "Bob@Example.com", "country": "SE"}
    said(await server.client.put(url, json=change, auth=server.tenant.auth), 200)
    refused = await server.client.put(
        url, json={"email": "BOB@example.com"}, auth=server.tenant.auth
    )
    assert said(refused, 422)["errors"][0]["code"] == "not_unique_within_project"


async def test_address_is_renamed_unless_it_was_named_by_hand(upgraded: Upgraded) -> None:
    server, held = upgraded
    for reference, expected in LABELS.items():
        info = said(await server.info(held["subscribers"][reference]["token"]), 200)
        assert info["fabric_addresses"][0]["display_name"] == expected
    names = await server.client.get(
        "/api/fabric/addresses", params={"page_size": 100}, auth=server.tenant.auth
    )
    assert "@" not in "".join(item["display_name"] for item in said(names, 200)["data"])


async def test_frank_signs_in_though_another_has_his_email_address(upgraded: Upgraded) -> None:
    server, held = upgraded
    frank = await server.sign_in("frank@example.com")
    assert frank["subscriber_id"] != held["subscribers"]["sam"]["subscriber_id"]
    info = said(await server.info(frank["token"]), 200)
    assert info["email"] is None


@pytest.mark.parametrize("kind", DATABASES[:2])
def test_operator_is_told_of_collisions_and_what_to_do(tmp_path: Path, kind: str) -> None:
    url, held = restored(kind, tmp_path), held_in(kind)

    def run(*arguments: str) -> str:
        command = ["db", *arguments, "--database", url]
        done = forked.run(command, text=True, cwd=tmp_path, env=clean_environment())
        done.check_returncode()
        return str(done.stdout)

    migrated = run("migrate")
    bob, other = (
        held["subscribers"][name]["subscriber_id"]
        for name in ("Bob@Example.com", "bob@example.com")
    )
    line = f"subscriber {bob}: reference 'Bob@Example.com' equals that of {other}\n"
    for shown in (migrated, run("check")):
        assert line in shown
        assert "'dave\\n'" in shown
        assert "change their e-mail address" in shown
    found = json.loads(run("check", "--json"))
    assert found["sound"] is True
    assert len(found["collisions"]) == len(WITHOUT_KEY)


@pytest.mark.parametrize("kind", DATABASES)
def test_server_says_at_its_start_that_there_are_collisions(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def start() -> None:
        async with a_server_of(tmp_path, kind):
            pass

    asyncio.run(start())
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "references_equal" in line]
    assert f"subscribers={len(WITHOUT_KEY)}" in line
    assert "satmint db check" in line
