"""The file of marks: what a failed write leaves."""

import errno
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from satmint import incarnation_file
from satmint.incarnation_file import MarkFile
from satmint.model.incarnation import Mark
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
