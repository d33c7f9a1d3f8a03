"""Every token of a deployment is as good in a copy on another database as it was before."""

import asyncio
from inspect import signature
from pathlib import Path
from typing import Final

import msgspec
import pytest

from satmint.copying.database import CopyResult, copy_database
from satmint.copying.rows import CopyObserver
from satmint.maintenance import migrate_database
from satmint.model.entropy import SystemEntropy
from satmint.settings import Settings
from tests.kit.clock import FrozenClock
from tests.kit.databases import SQLITE
from tests.kit.postgres import the_server
from tests.kit.service import a_service
from tests.upgrades import test_tokens
from tests.upgrades.former_version import LATER_SECONDS, held_in, restored, tenant_of

LAST: Final = "test_pairs_of_subscribers_are_good_and_go_on"
"""It rotates what the other tests present."""


async def copied(folder: Path, source: str, target: str) -> CopyResult:
    settings = Settings(
        database=source, keyring=str(folder / "keyring.json"), database_without_fsync=True
    )
    clock = FrozenClock(held_in(SQLITE)["made_until"] + LATER_SECONDS)
    await asyncio.to_thread(migrate_database, settings, clock.now())
    return await copy_database(settings, target, clock, SystemEntropy(), CopyObserver())


@pytest.mark.parametrize("kind", [SQLITE, "postgres, read committed"])
async def test_every_token_is_as_good_in_the_copy(kind: str, tmp_path: Path) -> None:
    source, held = restored(kind, tmp_path), held_in(kind)
    target = f"sqlite:///{tmp_path}/copy.db"
    if kind == SQLITE:
        target = the_server().new_database(template="template0")
    result = await copied(tmp_path, source, target)
    assert result.samples.keys() == {
        *("api_tokens", "c2c_tokens", "webhooks"),
        *(f"{kind}_sessions" for kind in ("embed", "guest", "invite", "subscriber")),
    }
    (tmp_path / "starts").write_text("by the source\n", encoding="utf-8")
    clock = FrozenClock(held["made_until"] + LATER_SECONDS)
    tenant = tenant_of(held)
    async with a_service(tmp_path, clock=clock, tenant=tenant, database=target) as server:
        checks = [
            check
            for name, check in vars(test_tokens).items()
            if name.startswith("test_") and list(signature(check).parameters) == ["upgraded"]
        ]
        assert len(checks) > 10
        for check in sorted(checks, key=lambda check: check.__name__ == LAST):
            await check((server, msgspec.json.decode(msgspec.json.encode(held))))
