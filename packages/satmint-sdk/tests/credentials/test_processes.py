"""Processes that share a file, die with its lock, and are forked off each other."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from kit.processes import Process
from kit.service import FakeTokenService
from satmint_sdk._ambient import SYSTEM_CLOCK
from satmint_sdk.credentials import FileRefreshTokenStore


def test_eight_processes_share_one_session(tmp_path: Path) -> None:
    """Each round all eight refresh at once: one of them asks the server, the others adopt."""
    service = FakeTokenService(SYSTEM_CLOCK)
    with service.serve() as host, contextlib.ExitStack() as stack:
        arguments = ("refresh_when_told", host, str(tmp_path / "session"))
        workers = [stack.enter_context(Process(*arguments)) for _ in range(8)]
        tokens = [{one.hear() for one in workers}]
        for number in range(1, 6):
            if number == 3:
                service.lose_answer()  # whoever is first has bad luck; somebody heals it
            for one in workers:
                one.ask()
            tokens.append({one.hear() for one in workers})
            assert service.count("rotated") == number
        assert all(one.rest() == ([], 0) for one in workers)
    assert [len(round_) for round_ in tokens] == [1] * 6
    assert len(set.union(*tokens)) == 6
    assert (service.count("created"), service.count("replayed")) == (1, 1)
    assert service.count("reuse") == 0


async def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "session"
    with Process("hold_lock", str(path)) as holder:
        assert holder.hear() == "held"
        holder.kill()
        store = FileRefreshTokenStore(path)
        async with store.lock():
            assert store.lock_wait is not None


async def test_a_lock_ends_with_its_holder_though_a_child_lives_on(tmp_path: Path) -> None:
    path = tmp_path / "session"
    with Process("hold_lock_beside_a_child", str(path)) as holder:
        word, child = holder.hear().split()
        assert word == "held"
        holder.kill()
        async with FileRefreshTokenStore(path).lock():
            os.kill(int(child), 0)  # it does live
        os.kill(int(child), signal.SIGKILL)


def test_a_lock_that_ended_closes_nothing_in_a_fork(tmp_path: Path) -> None:
    with Process("fork_after_a_lock", str(tmp_path / "session")) as process:
        assert process.rest() == (["done"], 0)


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        (
            "fork_a_session",
            ["CredentialExpired", "SessionClosed", "SessionClosed", "SessionClosed", "done"],
        ),
        ("fork_a_client", ["done"]),
    ],
)
def test_a_fork_carries_no_lock_and_no_connection_over(scenario: str, said: list[str]) -> None:
    with Process(scenario) as process:
        assert process.rest() == (said, 0)
