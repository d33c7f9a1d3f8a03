"""The JavaScript of the guide to tests of other programs: its files, side by side, pass."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.browser.vendor import MODULES, vitest
from tests.house.tree import ROOT
from tests.kit.chromium import MISSING, chromium_program
from tests.kit.dev import clean_environment

_GUIDE: Final = ROOT / "docs" / "guides" / "testing.md"
_FILE: Final = re.compile(r"^```js\n// (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECONDS: Final = 300


def test_files_for_vitest_and_playwright_pass(tmp_path: Path) -> None:
    program = vitest()
    chromium = chromium_program()
    if chromium is None:
        pytest.skip(MISSING)
    texts = dict(_FILE.findall(_GUIDE.read_text(encoding="utf-8")))
    assert len(texts) == 5
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(MODULES)
    satmint = Path(sys.executable).with_name("satmint")
    done = subprocess.run(
        ["node", program, "run", "--no-cache"],
        cwd=tmp_path,
        env=clean_environment(SATMINT=str(satmint), CHROMIUM=chromium, HOME=str(tmp_path)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"Tests .*3 passed", re.sub(r"\x1b\[\d+m", "", done.stdout)), done.stdout
