"""A `satmint serve` with several workers, and its processes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from tests.kit.ports import free_port
from tests.kit.serving import ServeProcess, running_serve

SIGN_IN: Final = "/api/fabric/subscribers/tokens"
REFRESH: Final = "/api/fabric/subscribers/tokens/refresh"
_ANSWER_SECONDS: Final = 60.0
"""Longer than a worker takes to be found hung and replaced."""


@contextmanager
def workers(folder: Path, count: int = 2, *options: str, **env: str) -> Iterator[ServeProcess]:
    """`satmint serve` in `folder`, with `count` workers that serve requests."""
    admin = ("--admin-port", str(free_port()))
    arguments = ("--workers", str(count), "--cluster-host", "a.b.example", *admin, *options)
    with running_serve(folder, *arguments, env=env) as server:
        assert server.wait_for("listening")["workers"] == count
        yield server


def pids(server: ServeProcess) -> set[int]:
    """The process ids of the workers."""
    return children(server.process.pid)


def children(parent: int) -> set[int]:
    """The process ids of the children of a process."""
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    return {int(pid) for pid in listed.split()}


def alive(pid: int) -> bool:
    """Whether there is a process with this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal."""
    status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return status.rpartition(")")[2].split()[0] == "T"


def call(server: ServeProcess, project: dict[str, Any], path: str, body: object) -> dict[str, str]:
    """Send one request on a new connection, which any worker may accept."""
    auth = (project["id"], project["api_token"])
    answer = httpx.post(server.url + path, auth=auth, json=body, timeout=_ANSWER_SECONDS)
    assert answer.is_success, answer.text
    made: dict[str, str] = answer.json()
    return made
