"""What runs beside the listeners, and changes of one keyring at the same time."""

import asyncio
import io
import json
import resource
import threading
from pathlib import Path

import pytest

from satmint.cli import running
from satmint.cli.running import authority, background_of
from satmint.logs import configure_logs
from satmint.maintenance import init_keyring, list_keys, rotate_keyring
from tests.kit.clock import FrozenClock
from tests.kit.entropy import SeededEntropy
from tests.kit.service import Server


async def test_background_work_that_a_bug_ends_is_told_of_at_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    configure_logs("json", "info", out)

    async def broken() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    monkeypatch.setattr(type(server.service), "run_purge", lambda _self: broken())
    purge, *_ = background_of(server.service)
    await purge()
    told = json.loads(out.getvalue())
    assert (told["level"], told["event"]) == ("error", "ended")
    assert told["exception"].endswith("ZeroDivisionError")


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert authority("::1", 8080) == "[::1]:8080"
    assert authority("127.0.0.1", 8080) == "127.0.0.1:8080"


def test_rotations_at_the_same_time_lose_no_key(tmp_path: Path) -> None:
    file, clock = tmp_path / "keyring.json", FrozenClock()
    init_keyring(file, clock, SeededEntropy("first"))
    together = threading.Barrier(8)

    def rotate(seed: str) -> None:
        together.wait()
        rotate_keyring(file, clock, SeededEntropy(seed))

    threads = [threading.Thread(target=rotate, args=(f"thread {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list_keys(file)) == 9


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1024, 4096), (4096, 4096)),
        ((1024, 1 << 20), (65_536, 1 << 20)),
        ((1024, -1), (65_536, -1)),
        ((4096, 4096), None),
        ((1 << 20, 1 << 20), None),
        ((-1, -1), None),
    ],
)
def test_server_may_have_as_many_connections_as_the_system_lets_it(
    monkeypatch: pytest.MonkeyPatch, before: tuple[int, int], after: tuple[int, int] | None
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: before)
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: asked.append(limits))
    running._raise_open_files_limit()
    assert asked == ([] if after is None else [after])


def test_system_that_allows_no_more_connections_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_which: int, _limits: tuple[int, int]) -> None:
        raise PermissionError

    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    running._raise_open_files_limit()
