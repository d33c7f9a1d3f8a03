"""All commands: their names, the options that they share, and their help."""

from typing import Final

import pytest

from satmint.cli.completion import command_tree
from satmint.cli.completion_scripts import CommandNode

TREE: Final = {node.path.removeprefix("satmint "): node for node in command_tree()}
COMMANDS: Final = {path: node for path, node in TREE.items() if not node.commands}
CONTRACT: Final = """
    serve  dev  doctor  version  openapi  completion
    project create  project list  project rename  project delete
    subscriber list  subscriber show  subscriber delete
    api-token create  api-token list  api-token revoke
    token create  token inspect  token revoke
    address create  address list
    click-to-call create  click-to-call list  click-to-call disable
    session list  session revoke
    keys list  keys rotate  keys retire
    webhook create  webhook list  webhook test  webhook deliveries  webhook retry  webhook delete
    events list  events follow
    db migrate  db check  db backup  db restore  db stats
"""
"""Spec 6.2."""
TABLES: Final = {path for path in COMMANDS if path.endswith(" list")}
IRREVERSIBLE: Final = {
    *("project delete", "subscriber delete", "session revoke", "keys retire"),
    *("db restore", "db adopt"),
}


def options(node: CommandNode) -> set[str]:
    return {name for parameter in node.parameters for name in parameter.names}


def test_commands_of_the_contract_exist() -> None:
    wanted = {path for line in CONTRACT.splitlines() for path in line.strip().split("  ") if path}
    assert wanted <= set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_json_and_a_help_text(path: str) -> None:
    assert "--json" in options(COMMANDS[path])
    group, _, name = path.rpartition(" ")
    described = dict(TREE[group or "satmint"].commands)
    assert described[name]
    assert all(parameter.help for parameter in COMMANDS[path].parameters if parameter.names)


@pytest.mark.parametrize("path", sorted(TABLES))
def test_every_list_can_be_wide(path: str) -> None:
    assert "--wide" in options(COMMANDS[path])


@pytest.mark.parametrize("path", sorted(IRREVERSIBLE))
def test_what_cannot_be_undone_can_be_confirmed(path: str) -> None:
    assert "--yes" in options(COMMANDS[path])
