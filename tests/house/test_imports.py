"""Who may import whom (spec 0): the rooms, and the doors between them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.house.tree import ROOT, SDK, SRC, named, parsed, python_files

MAY_IMPORT: Final[dict[str, set[str]]] = {
    "model": set(),
    "jose": {"model"},
    "dpop": {"model", "jose"},
    "store.contract": {"model"},
    "store.group_commit": {"model"},
    "store.sql": {"store.contract", "model"},
    "store.sqlite": {"store.contract", "store.group_commit", "store.sql", "model"},
    "store.postgres": {"store.contract", "store.group_commit", "store.sql", "model"},
    "flows": {"model", "jose", "dpop", "store.contract"},
    "server": {"model"},
    "http": {"flows", "model", "version"},
    "gateway.protocol": {"model"},
    "gateway": {"gateway.protocol", "flows", "model"},
    "control": {"flows", "http", "jose", "model"},
    "console": {"flows", "http", "jose", "model", "store.contract", "version"},
    "webhooks": {"flows", "jose", "model"},
    "settings": {"model"},
    "environment": {"settings"},
    "settings_sources": {"environment", "model", "settings"},
    "keyring_file": {"jose", "keyring_kek", "model", "private_file", "settings"},
    "keyring_kek": {"jose", "model"},
    "keyring_watch": {"flows", "jose", "keyring_file", "keyring_kek", "model", "private_file"},
    "private_file": set(),
    "incarnation_file": {
        *("flows", "keyring_file", "model", "private_file", "settings", "store.contract"),
    },
    "adoption": {
        *("flows", "model", "settings", "stores"),
        *("store.contract", "store.sqlite"),
    },
    "copying": {
        *("flows", "jose", "keyring_file", "model", "policies", "settings", "stores"),
        *("store.contract", "store.sqlite", "store.postgres"),
    },
    "logs": set(),
    "policies": {"flows", "gateway", "model", "settings"},
    "assembly": {
        *("webhooks", "flows", "gateway", "http", "jose", "dpop", "model", "settings"),
        *("keyring_file", "keyring_watch", "policies", "private_file", "purging", "server"),
        *("store.contract", "store_watch", "stores"),
    },
    "console_assembly": {
        *("assembly", "console", "console_keyring", "doctor", "flows", "http", "keyring_file"),
        *("model", "settings", "settings_sources"),
    },
    "console_development": {"assembly", "console", "control", "http", "model"},
    "console_keyring": {
        *("assembly", "console", "flows", "keyring_file", "maintenance", "model", "settings"),
    },
    "store_watch": {"flows", "model", "store.contract"},
    "purging": {"model", "store.contract"},
    "stores": {
        *("flows", "incarnation_file", "keyring_file", "model", "settings"),
        *("store.contract", "store.sqlite", "store.postgres"),
    },
    "maintenance": {
        *("flows", "jose", "model", "settings", "keyring_file", "keyring_kek"),
        *("policies", "private_file", "stores"),
        *("store.contract", "store.sqlite", "store.postgres"),
    },
    "doctor": {
        *("environment", "flows", "http", "jose", "keyring_file", "model", "policies"),
        *("private_file", "server", "settings", "store.contract", "stores", "version"),
    },
    "cli": {
        *("doctor", "flows", "model", "store_watch", "version"),
        # A command puts a server together, binds its sockets and looks after its files.
        *("assembly", "control", "settings", "settings_sources", "server", "logs", "policies"),
        *("console", "console_assembly", "console_development"),
        *("maintenance", "adoption", "copying", "incarnation_file", "environment"),
        "private_file",
        "webhooks",  # to try one out
    },
    "__main__": {"cli"},
    "__init__": set(),
}

DRIVERS: Final = {
    "sqlite3": {"store.sqlite"},
    "asyncpg": {"store.postgres"},
    "starlette": {"console", "control", "http", "gateway", "server"},
    "httptools": {"server"},
    "websockets": {"server"},
    "uvicorn": set(),
    "typer": {"cli"},
    "rich": {"cli"},
    "prometheus_client": {"http"},
    "cryptography": {"jose", "dpop", "cli", "server", "doctor"},
    "argon2": {"flows"},
    "socket": {"server", "cli", "store.postgres", "webhooks", "doctor"},
    "httpcore": {"webhooks"},
}
"""Libraries that only one kind of room has to do with."""


CODE: Final = re.compile(r"`([^`]+)`")


def room_of(module: str) -> str:
    """The room of a module of ours, by its full name."""
    parts = module.split(".")[1:]
    if not parts:
        return "__init__"
    if parts[0] == "__version__":
        return "version"
    if parts[0] == "store":
        return ".".join(parts[:2]) if len(parts) > 1 else "store.contract"
    if parts[:2] == ["gateway", "protocol"]:
        return ".".join(parts[:2])
    return parts[0]


def imported(path: Path) -> Iterator[str]:
    """The full names of the modules that a file imports, wherever in it that stands."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                pytest.fail(f"{named(path)}: a relative import")
            module = node.module or ""
            if module in ("satmint", "satmint.store", "satmint.http"):
                yield from (f"{module}.{alias.name}" for alias in node.names)
            else:
                yield module


def of(path: Path) -> str:
    module = ".".join(path.relative_to(SRC.parent).with_suffix("").parts)
    return room_of(module.removesuffix(".__init__"))


def is_ours(name: str) -> bool:
    return name == "satmint" or name.startswith("satmint.")


@pytest.mark.parametrize("path", python_files(SRC), ids=named)
def test_a_room_uses_only_the_rooms_it_may(path: Path) -> None:
    room = of(path)
    used = {room_of(name) for name in imported(path) if is_ours(name)}
    # What is within a room is the room's own as well.
    outside = {name for name in used if name != room and not name.startswith(f"{room}.")}
    assert outside <= MAY_IMPORT[room], f"{named(path)} imports {sorted(outside)}"


@pytest.mark.parametrize("path", python_files(SRC), ids=named)
def test_a_library_is_used_only_in_the_rooms_it_is_for(path: Path) -> None:
    room = of(path)
    for name in imported(path):
        rooms = DRIVERS.get(name.split(".")[0])
        if rooms is not None:
            assert {room, room.split(".")[0]} & rooms, f"{named(path)} imports {name}"


def test_every_room_is_in_the_table() -> None:
    assert {of(path) for path in python_files(SRC)} <= MAY_IMPORT.keys()


def written_table() -> Iterator[tuple[str, set[str]]]:
    """The rooms as CONTRIBUTING lists them, and what it says that each may import."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, _, after = text.partition("| room | may import |")
    rows, _, _ = after.partition("\n\n")
    for row in rows.splitlines()[2:]:
        _, room, rights, *_ = row.split("|")
        (name,) = CODE.findall(room)
        found = CODE.findall(rights)
        assert found or rights.strip() == "nothing of ours", row
        assert len(set(found)) == len(found), row
        yield name, set(found)


def test_table_in_contributing_says_the_same() -> None:
    rows = list(written_table())
    assert dict(rows) == MAY_IMPORT
    assert len(rows) == len(MAY_IMPORT)


def test_only_a_development_server_can_be_told_to_do_wrong() -> None:
    opening = [
        named(path)
        for path in python_files(SRC)
        if of(path) != "control" and any(room_of(name) == "control" for name in imported(path))
    ]
    assert opening == ["src/satmint/cli/dev.py", "src/satmint/console_development.py"]
    assert [
        named(path)
        for path in python_files(SRC)
        if any(room_of(name) == "console_development" for name in imported(path))
    ] == ["src/satmint/cli/dev.py"]


def test_sdk_knows_nothing_of_the_server() -> None:
    for path in python_files(SDK):
        assert not [name for name in imported(path) if is_ours(name)], named(path)


def test_model_is_pure() -> None:
    """No I/O beyond the machine's clock and dice, which only three of its files touch."""
    reaching = {"asyncio", "os", "socket", "sqlite3", "subprocess", "threading", "time", "httpx"}
    found = {
        named(path): reaching.intersection(imported(path)) for path in python_files(SRC / "model")
    }
    assert {name: used for name, used in found.items() if used} == {
        "src/satmint/model/clock.py": {"time"},
        "src/satmint/model/entropy.py": {"os"},
        "src/satmint/model/shared_clock.py": {"time"},
    }
