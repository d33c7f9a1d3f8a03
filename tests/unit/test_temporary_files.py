"""Which folder tests are given for their files."""

import tempfile
from pathlib import Path

from tests.kit.temporary_files import folder_for_tests


def test_folder_in_memory_that_has_room(tmp_path: Path) -> None:
    assert folder_for_tests(tmp_path) == tmp_path


def test_machine_without_a_folder_in_memory(tmp_path: Path) -> None:
    assert folder_for_tests(tmp_path / "missing") == Path(tempfile.gettempdir())
