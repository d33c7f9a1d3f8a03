"""A server of this version on a database of an earlier one.

async with a_server_of(tmp_path, "sqlite") as (server, held):
    said(await server.info(held["alice"]["token"]), 200)
"""

import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

from tests.kit.clock import FrozenClock
from tests.kit.databases import SQLITE
from tests.kit.postgres import ISOLATIONS, the_server
from tests.kit.service import Json, Server, Tenant, a_service

FOLDER: Final = Path(__file__).parent / "version_0_1_0"
DATABASES: Final = (SQLITE, *(f"postgres, {isolation}" for isolation in ISOLATIONS))
LATER_SECONDS: Final = 30


def held_in(kind: str) -> Json:
    """What the users of the database of that kind hold."""
    held: Json = json.loads((FOLDER / f"{kind.partition(',')[0]}.json").read_text())
    return held


def restored(kind: str, folder: Path) -> str:
    """The URL of a copy of the database, not yet migrated; its keyring is in `folder`."""
    shutil.copy(FOLDER / "keyring.json", folder / "keyring.json")
    (folder / "keyring.json").chmod(0o600)
    if kind == SQLITE:
        shutil.copy(FOLDER / "satmint.db", folder / "satmint.db")
        return f"sqlite:///{folder}/satmint.db"
    url = the_server().new_database(kind.removeprefix("postgres, "), template="template0")
    psql = the_server().programs / "psql"
    options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    subprocess.run([psql, *options, "-f", FOLDER / "satmint.sql", url], check=True)
    return url


def tenant_of(held: Json) -> Tenant:
    """The project of what users hold."""
    return Tenant(UUID(held["project"]), held["api_token"], ())


@asynccontextmanager
async def a_server_of(folder: Path, kind: str) -> AsyncIterator[tuple[Server, Json]]:
    """A server that has migrated a copy, soon after its last token, and what users hold."""
    url, held = restored(kind, folder), held_in(kind)
    clock = FrozenClock(held["made_until"] + LATER_SECONDS)
    tenant = tenant_of(held)
    # Its random numbers are not those that made the database.
    (folder / "starts").write_text("by version 0.1.0\n", encoding="utf-8")
    async with a_service(folder, clock=clock, tenant=tenant, database=url) as server:
        yield server, held
