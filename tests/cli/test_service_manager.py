"""A service manager is told when the server answers requests."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.kit import forked
from tests.kit.dev import clean_environment
from tests.kit.serving import running_serve

_SECONDS = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment."""
    made = tmp_path_factory.mktemp("service")
    assert forked.run(["keys", "init"], cwd=made, env=clean_environment()).returncode == 0
    return made


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    """The socket of a service manager, with an abstract address."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as receiver:
        receiver.bind("")  # the kernel chooses one
        receiver.settimeout(_SECONDS)
        yield receiver


@pytest.mark.parametrize("workers", [1, 2])
def test_it_is_told_once_the_server_answers(
    folder: Path, manager: socket.socket, workers: int
) -> None:
    name = "@" + manager.getsockname()[1:].decode()
    options = ("--workers", str(workers))
    with running_serve(folder, *options, env={"NOTIFY_SOCKET": name}) as server:
        assert manager.recv(100) == b"READY=1"
        assert httpx.get(f"{server.url}/livez").status_code == 200
        assert server.stop() == 0
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)


@pytest.mark.parametrize("name", ["missing", "relative/name", "@nobody"])
def test_a_server_starts_without_one(folder: Path, name: str) -> None:
    named = str(folder / name) if name == "missing" else name
    with running_serve(folder, env={"NOTIFY_SOCKET": named}) as server:
        assert httpx.get(f"{server.url}/livez").status_code == 200
        assert server.stop() == 0
