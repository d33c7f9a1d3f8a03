"""The demo project of a development server: created once, reused after a restart."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote
from uuid import UUID

import msgspec

from satmint.environment import setting_variables
from satmint.flows.addresses import NewAddress, create_address
from satmint.flows.credentials import NewC2cToken, create_api_token, create_c2c_token
from satmint.flows.lookup import find_addresses, find_api_token, find_c2c_token, list_projects
from satmint.flows.projects import ProjectContents, create_project
from satmint.flows.service_context import ServiceContext
from satmint.model.events import Origin
from satmint.model.permissions import Permission
from satmint.model.records import Address, AddressType
from satmint.model.secrets import HidesFields, SecretText
from satmint.private_file import replace_private_file
from satmint.settings import Settings

_FILE: Final = "demo.json"
_NAME: Final = "Demo"
_WANTED: Final = (
    NewAddress("support", AddressType.ROOM, display_name="Support"),
    NewAddress("sales", AddressType.CALL, display_name="Sales"),
    NewAddress("reception", AddressType.APP, display_name="Reception"),
)
_ORIGIN: Final = Origin("", "cli", "satmint dev")


class SavedDemo(HidesFields, msgspec.Struct, frozen=True):
    """The content of `demo.json` (mode 0600). The database stores only digests of the tokens."""

    database: str
    """The database in which the project is."""
    cluster_host: str
    """The cluster host of the latest run, for other commands."""
    project_id: UUID
    api_token: str
    c2c_token: str
    admin: str | None = None
    """The URL of the admin listener of the latest run; None: it was off, or is not known."""


def demo_settings(environment: Mapping[str, str] = os.environ) -> dict[str, object]:
    """The settings of a development server and its commands, unless variables set them.

    Webhooks may lead to this machine, where the programs are that a developer tries out.
    """
    defaults: dict[str, object] = {"private_webhooks": True}
    return {n: value for n, value in defaults.items() if n not in setting_variables(environment)}


@dataclass(frozen=True, slots=True)
class DemoProject:
    """The demo project with its credentials in plain text."""

    id: UUID
    api_token: SecretText
    c2c_token: SecretText
    addresses: tuple[Address, ...]


async def contents_of(services: ServiceContext, demo: DemoProject) -> ProjectContents:
    """The records of the demo project's addresses and tokens, without anything else in it."""
    api_token = await find_api_token(services.store, demo.api_token.reveal(), demo.id)
    c2c_token = await find_c2c_token(services.store, demo.c2c_token.reveal())
    return ProjectContents(
        demo.addresses,
        [] if api_token is None else [api_token],
        [] if c2c_token is None else [c2c_token],
    )


def read_saved_demo(folder: Path) -> SavedDemo | None:
    """Read `demo.json` in `folder`. None: it does not exist or is invalid.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        return msgspec.json.decode((folder / _FILE).read_bytes(), type=SavedDemo)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def sqlite_url(file: Path) -> str:
    """The `database` setting for an SQLite file; `file` is absolute."""
    return f"sqlite:///{quote(str(file))}"


async def ensure_demo(
    folder: Path, services: ServiceContext, settings: Settings, admin: str | None = None
) -> DemoProject:
    """The demo project of the last run. Missing parts are created.

    Args:
        folder: The folder with `demo.json`.
        services: The context of this process.
        settings: The settings of this run. Credentials of another database are ignored.
        admin: The URL of the admin listener of this run; None: it is off.

    Raises:
        OSError: `demo.json` cannot be read or written.
    """
    before = read_saved_demo(folder)
    database, cluster_host = settings.database, settings.cluster_host or ""
    saved = before if before is not None and before.database == database else None
    project = await _project(services, saved)
    addresses = [await _address(services, project, wanted) for wanted in _WANTED]
    api_token = await _api_token(services, project, saved)
    c2c_token = await _c2c_token(services, project, addresses[0].id, saved)
    secrets = api_token.reveal(), c2c_token.reveal()
    after = SavedDemo(database, cluster_host, project, *secrets, admin)
    if after != before:
        _write(folder / _FILE, after)
    return DemoProject(project, api_token, c2c_token, tuple(addresses))


async def _project(services: ServiceContext, saved: SavedDemo | None) -> UUID:
    projects = await list_projects(services.store)
    for project in projects:
        if saved is not None and project.id == saved.project_id:
            return project.id
    for project in projects:
        if project.name == _NAME:
            return project.id
    return (await create_project(services, _NAME)).id


async def _address(services: ServiceContext, project: UUID, wanted: NewAddress) -> Address:
    found = await find_addresses(services.store, project, f"/{wanted.context}/{wanted.name}")
    return found[0] if found else await create_address(services, project, wanted)


async def _api_token(
    services: ServiceContext, project: UUID, saved: SavedDemo | None
) -> SecretText:
    if saved is not None:
        found = await find_api_token(services.store, saved.api_token, project)
        if found is not None and found.permissions == frozenset(Permission):
            return SecretText(saved.api_token)
    _, made = await create_api_token(services, project, _NAME, frozenset(Permission), _ORIGIN)
    return made


async def _c2c_token(
    services: ServiceContext, project: UUID, address: UUID, saved: SavedDemo | None
) -> SecretText:
    if saved is not None:
        found = await find_c2c_token(services.store, saved.c2c_token)
        if found is not None and found.project == project and found.disabled_at is None:
            return SecretText(saved.c2c_token)
    _, made = await create_c2c_token(services, project, NewC2cToken(address, _NAME, ()), _ORIGIN)
    return made


def _write(file: Path, saved: SavedDemo) -> None:
    replace_private_file(file, msgspec.json.format(msgspec.json.encode(saved), indent=2) + b"\n")
