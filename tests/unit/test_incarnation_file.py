"""The file of marks: what a failed write leaves."""

import errno
import signal
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from satmint import incarnation_file
from satmint.flows.incarnation import IncarnationGuard
from satmint.incarnation_file import MarkFile, watch_incarnation
from satmint.model.incarnation import DatabaseCopied, Mark
from satmint.settings import SettingsError
from tests.kit.clock import NOW

FIRST = Mark(UUID(int=1), UUID(int=9), b"first", NOW)
SECOND = Mark(UUID(int=1), UUID(int=9), b"second", NOW + 2)


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("required", [True, False])
async def test_mark_that_could_not_be_written_leaves_the_former_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, required: bool
) -> None:
    marks = MarkFile(tmp_path / "incarnation.json", "a database", required=required)
    await marks.put(FIRST)
    with monkeypatch.context() as failing:
        failing.setattr(incarnation_file, "replace_private_file", full_disk)
        with pytest.raises(SettingsError, match="no space left on device"):
            await marks.put(SECOND)
    assert await marks.find(FIRST.incarnation) == FIRST
    await marks.put(SECOND)
    assert await marks.find(FIRST.incarnation) == SECOND


async def test_mark_is_kept_in_memory_where_there_never_was_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = MarkFile(tmp_path / "incarnation.json", "a database", required=False)
    monkeypatch.setattr(incarnation_file, "replace_private_file", full_disk)
    with capture_logs() as logs:
        await marks.put(FIRST)
    assert [line["event"] for line in logs] == ["incarnation_not_recorded"]
    assert await marks.find(FIRST.incarnation) == FIRST
    assert marks.name == ""


async def test_lasting_reason_is_logged_once_and_not_at_each_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Guard:
        copied: DatabaseCopied | None = None
        checks = 0

        async def check(self) -> None:
            self.checks += 1
            if self.checks == 5:
                return  # it could be written again
            if self.checks == 9:
                raise DatabaseCopied("it is another one")
            raise SettingsError("cannot write it")

    guard, signals = Guard(), list[int]()
    monkeypatch.setattr(incarnation_file, "_CHECK_SECONDS", 0.0)
    monkeypatch.setattr("signal.raise_signal", signals.append)
    with capture_logs() as logs:
        await watch_incarnation(cast("IncarnationGuard", guard))
    assert [(line["event"], line["reason"]) for line in logs] == [
        ("incarnation_not_recorded", "cannot write it"),
        ("incarnation_not_recorded", "cannot write it"),
        ("database_copied", "it is another one"),
    ]
    assert signals == [signal.SIGTERM]
