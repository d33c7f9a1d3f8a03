"""The demo project of a development server: made once, found again after a restart."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote
from uuid import UUID

import msgspec

from satmint.flows.addresses import NewAddress, create_address
from satmint.flows.credentials import create_api_token, create_c2c_token, create_project
from satmint.flows.finding import addresses_called, api_token_of, c2c_token_of, list_projects
from satmint.flows.mint import Mint
from satmint.model.events import Origin
from satmint.model.permissions import Permission
from satmint.model.records import Address, AddressType
from satmint.model.secrets import SecretText
from satmint.settings import Settings

_FILE: Final = "demo.json"
_NAME: Final = "Demo"
_WANTED: Final = (
    NewAddress("support", AddressType.ROOM, display_name="Support"),
    NewAddress("sales", AddressType.CALL, display_name="Sales"),
    NewAddress("reception", AddressType.APP, display_name="Reception"),
)
_ORIGIN: Final = Origin("", "cli", "satmint dev")


class Kept(msgspec.Struct, frozen=True):
    """What is kept in `demo.json`, since the database holds digests only. Mode 0600."""

    database: str
    """Which database the rest belongs to."""
    cluster_host: str
    """That of the latest run, for other commands."""
    project_id: UUID
    api_token: str
    c2c_token: str

    def __repr__(self) -> str:
        return "Kept(hidden)"


@dataclass(frozen=True, slots=True)
class DemoProject:
    """The demo project, and its credentials in clear."""

    id: UUID
    api_token: SecretText
    c2c_token: SecretText
    addresses: tuple[Address, ...]


def read_kept(folder: Path) -> Kept | None:
    """What the last `satmint dev` left in `folder`; None where there is nothing of use.

    Raises:
        OSError: it cannot be read.
    """
    try:
        return msgspec.json.decode((folder / _FILE).read_bytes(), type=Kept)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def sqlite_url(file: Path) -> str:
    """The `database` setting for an SQLite file; `file` is absolute."""
    return f"sqlite:///{quote(str(file))}"


async def demo_in(folder: Path, mint: Mint, settings: Settings) -> DemoProject:
    """The demo project as the last run left it; what of it is missing is made.

    Args:
        folder: Where `demo.json` is kept.
        mint: The tools.
        settings: Those of this run. Credentials of another database are of no use here.

    Raises:
        OSError: `demo.json` cannot be read or written.
    """
    before = read_kept(folder)
    database, cluster_host = settings.database, settings.cluster_host or ""
    kept = before if before is not None and before.database == database else None
    project = await _project(mint, kept)
    addresses = [await _address(mint, project, wanted) for wanted in _WANTED]
    api_token = await _api_token(mint, project, kept)
    c2c_token = await _c2c_token(mint, project, addresses[0].id, kept)
    after = Kept(database, cluster_host, project, api_token.reveal(), c2c_token.reveal())
    if after != before:
        _write(folder / _FILE, after)
    return DemoProject(project, api_token, c2c_token, tuple(addresses))


async def _project(mint: Mint, kept: Kept | None) -> UUID:
    projects = await list_projects(mint)
    for project in projects:
        if kept is not None and project.id == kept.project_id:
            return project.id
    for project in projects:
        if project.name == _NAME:
            return project.id
    return (await create_project(mint, _NAME)).id


async def _address(mint: Mint, project: UUID, wanted: NewAddress) -> Address:
    found = await addresses_called(mint, project, f"/{wanted.context}/{wanted.name}")
    return found[0] if found else await create_address(mint, project, wanted)


async def _api_token(mint: Mint, project: UUID, kept: Kept | None) -> SecretText:
    if kept is not None:
        found = await api_token_of(mint, kept.api_token, project)
        if found is not None and found.permissions == frozenset(Permission):
            return SecretText(kept.api_token)
    _, made = await create_api_token(mint, project, _NAME, frozenset(Permission), _ORIGIN)
    return made


async def _c2c_token(mint: Mint, project: UUID, address: UUID, kept: Kept | None) -> SecretText:
    if kept is not None:
        found = await c2c_token_of(mint, kept.c2c_token)
        if found is not None and found.project == project and found.disabled_at is None:
            return SecretText(kept.c2c_token)
    _, made = await create_c2c_token(mint, project, address, _NAME, (), _ORIGIN)
    return made


def _write(file: Path, kept: Kept) -> None:
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
