"""The guides of `docs/deploy/`: the settings, values and commands that they show can be used."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import pytest
import typer
import yaml  # type: ignore[import-untyped]
from typer.core import TyperCommand, TyperGroup

from satmint.cli.program import COMMANDS, app
from satmint.settings import Settings
from satmint.settings_sources import load_settings
from tests.deploy.chart_rendering import render
from tests.house.tree import ROOT, named

GUIDES: Final = sorted((ROOT / "docs" / "deploy").glob("*.md"))
FENCE: Final = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
COMMAND: Final = re.compile(rf"\bsatmint ({'|'.join(COMMANDS)})\b([^\n`;]*)")
LINK: Final = re.compile(r"\]\(([^)#]+)(?:#([^)]+))?\)")


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    for guide in GUIDES:
        for indent, found, text in FENCE.findall(guide.read_text(encoding="utf-8")):
            if found == language:
                yield (
                    guide,
                    "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True)),
                )


@pytest.mark.parametrize("number", range(len(list(blocks("toml")))))
def test_settings_are_settings(tmp_path: Path, number: int) -> None:
    _, text = list(blocks("toml"))[number]
    file = tmp_path / "satmint.toml"
    file.write_text(text, encoding="utf-8")
    settings = load_settings({}, {}, file)
    assert settings != Settings()
    assert tomllib.loads(text).keys() >= {"public_url", "cluster_host", "keyring", "database"}


def test_values_are_accepted_by_the_chart_and_by_kubernetes() -> None:
    values = {str(number): yaml.safe_load(text) for number, (_, text) in enumerate(blocks("yaml"))}
    assert values
    _, renderings = render(values)
    for rendering in renderings.values():
        assert (rendering.error, rendering.findings) == ("", [])


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_commands_and_their_options_exist(guide: Path) -> None:
    for name, rest in COMMAND.findall(guide.read_text(encoding="utf-8")):
        words = shlex.split(rest.partition("#")[0].partition(" > ")[0].rstrip(" ,.)"))
        command = cast("TyperGroup | TyperCommand", typer.main.get_command(app))
        for word in [name, *words]:
            if not isinstance(command, TyperGroup):
                break
            inner = command.get_command(cast("typer.Context", None), word)
            assert inner is not None, f"{name} {rest}"
            command = cast("TyperGroup | TyperCommand", inner)
        options = {option for parameter in command.params for option in parameter.opts}
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= options, f"{name} {rest}"


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_what_is_linked_exists(guide: Path) -> None:
    for target, anchor in LINK.findall(guide.read_text(encoding="utf-8")):
        file = guide.parent / target
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}
            assert anchor in slugs, f"{target}#{anchor}"
