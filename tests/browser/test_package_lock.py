"""The lock of the npm package: every file hashed, and no registry named."""

import json
import re

from tests.browser.vendor import FILES, HERE

LOCK = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
INSTALLED = {path: entry for path, entry in LOCK["packages"].items() if path}


def test_every_package_is_hashed_and_none_says_where_it_came_from() -> None:
    assert len(INSTALLED) > 2
    for path, entry in INSTALLED.items():
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", entry["integrity"]), path
        assert "resolved" not in entry, path
        assert "hasInstallScript" not in entry, path


def test_versions_are_those_that_the_tests_speak_of() -> None:
    aliases = LOCK["packages"][""]["dependencies"]
    locked = {INSTALLED[f"node_modules/{name}"]["version"] for name in aliases}
    assert locked == set(FILES)
