"""When the keyring is read again, and until when it is recorded in the database."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from satmint import keyring_watch
from satmint.jose import KeyringError
from satmint.keyring_watch import KeyringWatch
from satmint.model.refusals import StoreUnavailable
from tests.kit.clock import NOW
from tests.kit.service import Server


@dataclass
class Polls:
    """A watch whose file, reads and records are scripted; it ends after so many polls."""

    watch: KeyringWatch
    count: int = 0
    version: tuple[int, ...] = (1,)
    reads: list[int] = field(default_factory=list)
    """The polls at which the file was read, from 1."""
    records: list[int] = field(default_factory=list)
    usable: bool = True
    recorded: Callable[[], bool] = lambda: True
    on_poll: Callable[[int], None] = lambda _number: None
    end: int = 0

    def file_version(self, _: Path) -> tuple[int, ...]:
        self.count += 1
        if self.count > self.end:
            raise asyncio.CancelledError
        self.on_poll(self.count)
        return self.version

    async def reload(self) -> bool:
        self.reads.append(self.count)
        return self.usable

    async def record(self) -> None:
        self.records.append(self.count)
        self.watch._is_recorded = self.recorded()

    async def run(self, polls: int) -> None:
        self.end = polls
        with pytest.raises(asyncio.CancelledError):
            await self.watch.run()


@pytest.fixture
def polls(server: Server, monkeypatch: pytest.MonkeyPatch) -> Polls:
    watch = KeyringWatch(server.services, Path("keyring.json"), None, (1,))
    watch._is_recorded = True
    polls = Polls(watch)
    monkeypatch.setattr(keyring_watch, "_POLL_SECONDS", 0)
    monkeypatch.setattr(keyring_watch, "file_version", polls.file_version)
    monkeypatch.setattr(watch, "reload", polls.reload)
    monkeypatch.setattr(watch, "record", polls.record)
    return polls


async def test_file_that_stays_as_it_is_is_not_read(polls: Polls) -> None:
    await polls.run(40)
    assert (polls.reads, polls.records) == ([], [])


async def test_changed_file_is_read_once(polls: Polls) -> None:
    def change(number: int) -> None:
        if number == 3:
            polls.version = (2,)

    polls.on_poll = change
    await polls.run(40)
    assert polls.reads == [3]


async def test_unchanged_file_is_read_on_request_once(polls: Polls) -> None:
    polls.watch.request_reload()
    await polls.run(40)
    assert polls.reads == [1]


async def test_unusable_file_is_read_again_at_every_fifteenth_poll(polls: Polls) -> None:
    polls.usable = False
    polls.watch.request_reload()

    def recover(number: int) -> None:
        polls.usable = number > 40

    polls.on_poll = recover
    await polls.run(80)
    assert polls.reads == [1, 16, 31, 46]


async def test_keyring_is_recorded_at_each_poll_until_the_database_knows_it(polls: Polls) -> None:
    polls.watch._is_recorded = False
    polls.recorded = lambda: polls.count == 4
    await polls.run(10)
    assert polls.records == [1, 2, 3, 4]


async def test_database_that_is_away_is_asked_again(polls: Polls) -> None:
    polls.watch._is_recorded = False

    def away() -> bool:
        if polls.count < 3:
            raise StoreUnavailable("server_unreachable")
        return True

    polls.recorded = away
    await polls.run(10)
    assert polls.records == [1, 2, 3]


async def test_nothing_is_wrong_with_a_keyring_before_it_was_looked_at(server: Server) -> None:
    watch = KeyringWatch(server.services, Path("keyring.json"), None, (1,))
    assert (watch.stale, watch.unknown, watch._is_recorded) == (False, False, False)


async def test_unusable_keyring_is_stale_until_it_is_usable(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = KeyringWatch(server.services, tmp_path / "keyring.json", None, (1,))
    keyring = server.services.cipher.keyring
    newer = keyring.rotate(server.services.entropy, NOW)
    answers: list[object] = [KeyringError("damaged"), OSError("gone"), keyring, newer]

    def read(_file: Path, _wrapping: object) -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(keyring_watch, "read_keyring", read)
    watch._is_recorded = True
    with capture_logs() as logs:
        for usable in (False, False, True, True):
            assert await watch.reload() is usable
            assert watch.stale is not usable
    assert [(line["event"], line.get("reason"), line.get("active")) for line in logs] == [
        ("keyring_not_reloaded", "damaged", None),
        ("keyring_not_reloaded", "gone", None),
        ("keyring_reloaded", None, newer.active.id),
    ]
    assert server.services.cipher.keyring == newer
    assert not watch._is_recorded  # the database has not seen the new key yet
