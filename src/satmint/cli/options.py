"""Options that many commands share, and command-line options made out of `Settings`."""

import inspect
import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import typer

from satmint.cli.report import Misuse
from satmint.settings import FIELDS, Settings, SettingsError, describe, load_settings, parse_text

CONFIG_VARIABLE: Final = "SATMINT_CONFIG"

Json = Annotated[
    bool, typer.Option("--json", metavar="", help="For machines: one line of JSON, errors too.")
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    typer.Option(metavar="LEVEL", help="`debug`, `info`, `warning` or `error`."),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="A TOML file of settings (`SATMINT_CONFIG`)."),
]

_LABELS: Final = {
    "IntType": "N",
    "BoolType": "true|false",
    "VarTupleType": "A,B",
    "DictType": "A=B",
}


def setting_parameters(panels: Mapping[str, Iterable[str]]) -> list[inspect.Parameter]:
    """A keyword parameter for every setting, as typer reads them.

    Args:
        panels: Settings under the headings that `--help` shows them under. Those that are left
            out are shown under «Other settings».
    """
    fields = {field.name: field for field in FIELDS}
    placed = {name: panel for panel, names in panels.items() for name in names if name in fields}
    placed |= {name: "Other settings" for name in fields if name not in placed}
    return [_parameter(fields[name], panel) for name, panel in placed.items()]


def settings_from(
    given: Mapping[str, object],
    config: Path | None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """The settings that a command line gives, with the environment and the file behind it.

    Args:
        given: Options by the names of settings, as typed; None: not given.
        config: The file that `--config` names.
        environment: `SATMINT_…` variables.

    Raises:
        Misuse: a setting is unknown or makes no sense.
    """
    if config is None and environment.get(CONFIG_VARIABLE):
        config = Path(environment[CONFIG_VARIABLE])
    if config is not None and not config.is_file():
        raise Misuse(f"there is no file {config}")
    values = {
        name: parse_text(name, value) if isinstance(value, str) else value
        for name, value in given.items()
    }
    try:
        return load_settings(values, environment, config)
    except SettingsError as error:
        raise Misuse(_in_words(str(error))) from error


def _in_words(message: str) -> str:
    """What is wrong with a setting, by its name and without the types of a programming language."""
    unknown = re.search(r"unknown field `([^`]*)`", message)
    if unknown is not None:
        near = get_close_matches(unknown[1], [field.name for field in FIELDS], 1)
        return f"there is no setting {unknown[1]}" + (f": did you mean {near[0]}?" if near else "")
    found = re.fullmatch(r"(.*) - at `\$\.(\w+).*`", message)
    if found is None:
        return message
    fault, name = found.groups()
    bound = re.search(r"`int` (>=|<=) (-?\d+)", fault)
    if bound is not None:
        return f"{name} must be at {'least' if bound[1] == '>=' else 'most'} {bound[2]}"
    if fault.startswith("Expected `int"):
        return f"{name} must be a whole number"
    return f"{name} is not of the right form. {describe(name)}"


def _parameter(field: msgspec.structs.FieldInfo, panel: str) -> inspect.Parameter:
    default = _spelled(field)
    text = describe(field.name)
    option = typer.Option(
        f"--{field.name.replace('_', '-')}",
        help=text if default is None else f"{text} Default: `{default}`",
        metavar=_label(field),
        show_default=False,
        rich_help_panel=panel,
    )
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[str | None, option],
    )


def _spelled(field: msgspec.structs.FieldInfo) -> str | None:
    """The default as it would be typed; None where there is none."""
    value: Any = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory()
    match value:
        case None | ():
            return None
        case tuple():
            return ",".join(value)
        case dict():
            return ",".join(f"{name}={host or ''}" for name, host in value.items())
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _label(field: msgspec.structs.FieldInfo) -> str:
    """What stands for the value in `--help`."""
    info = _bare(msgspec.inspect.type_info(field.type))
    kinds = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    labels = (_LABELS.get(type(_bare(kind)).__name__) for kind in kinds)
    return next((label for label in labels if label is not None), "TEXT")


def _bare(info: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """A type without what is said about it."""
    while isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    return info
