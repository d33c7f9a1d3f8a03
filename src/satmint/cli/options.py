"""Options that many commands share, and options that are derived from `Settings`."""

import inspect
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import structlog
import typer

from satmint.cli.plain import Json as Json  # noqa: PLC0414 - also defined without settings
from satmint.cli.report import UsageError, write_message
from satmint.environment import CONFIG_VARIABLE, unknown_variables
from satmint.settings import FIELDS, Settings, SettingsError, describe
from satmint.settings_sources import load_settings, parse_text, sources_of

LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    typer.Option(metavar="LEVEL", help="Minimum level: `debug`, `info`, `warning` or `error`."),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="A TOML file with settings (`SATMINT_CONFIG`)."),
]

_LABELS: Final = {
    "IntType": "N",
    "BoolType": "true|false",
    "VarTupleType": "A,B",
    "DictType": "A=B",
}
_WORDS: Final = re.compile(r"\^\(([a-z]+(?:\|[a-z]+)+)\)\$")
"""The pattern of a setting that has one of several words as its value."""


def setting_parameters(panels: Mapping[str, Iterable[str]]) -> list[inspect.Parameter]:
    """A keyword parameter for every setting, in the form that typer reads.

    Args:
        panels: The names of settings by their heading in `--help`. The heading of all others is
            `Other settings`.
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
    """The settings of a command: options override the environment, which overrides the file.

    Args:
        given: The options by the names of settings, as text. None: not given.
        config: The file given with `--config`.
        environment: The environment, with `SATMINT_…` variables.

    Raises:
        UsageError: a setting is unknown or invalid.
    """
    config = _config_file(config, environment)
    values = {
        name: parse_text(name, value) if isinstance(value, str) else value
        for name, value in given.items()
    }
    try:
        return load_settings(values, environment, config)
    except SettingsError as error:
        raise UsageError(str(error)) from error


def sources_from(
    given: Mapping[str, object],
    config: Path | None,
    environment: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Where each setting that is not a default comes from; see `settings_from`."""
    return sources_of(given, environment, _config_file(config, environment))


def _config_file(config: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The TOML file with settings. None: there is none.

    Raises:
        UsageError: it does not exist.
    """
    source = ""
    if config is None and environment.get(CONFIG_VARIABLE, "").strip():
        config = Path(environment[CONFIG_VARIABLE].strip())
        source = f", which {CONFIG_VARIABLE} names"
    if config is not None and not config.is_file():
        raise UsageError(f"there is no file {config}{source}")
    return config


def warn_of_variables(settings: Settings, *, as_json: bool) -> None:
    """Write a warning for each `SATMINT_…` variable that has no effect, to standard error."""
    for variable in unknown_variables(os.environ, settings):
        text = f"{variable.name} is not a setting and has no effect: {variable.remedy}"
        write_message(text, "warning", as_json=as_json)


def log_unknown_variables(settings: Settings) -> None:
    """The same as `warn_of_variables`, in the log of a server."""
    log = structlog.get_logger("satmint.settings")
    for variable in unknown_variables(os.environ, settings):
        log.warning(
            "unknown_variable",
            variable=variable.name,
            meaning="it is not a setting and has no effect",
            remedy=variable.remedy,
        )


def _parameter(field: msgspec.structs.FieldInfo, panel: str) -> inspect.Parameter:
    default = _default_text(field)
    text = describe(field.name)
    option = typer.Option(
        f"--{field.name.replace('_', '-')}",
        help=text if default is None else f"{text} Default: `{default}`",
        metavar=_label(field),
        show_default=False,
        rich_help_panel=panel,
        callback=_check_value,
    )
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[str | None, option],
    )


def _check_value(value: str | None) -> str | None:
    """Refuse the next option as the value of one that was given without a value."""
    if value is not None and value.startswith("--"):
        raise typer.BadParameter(f"a value is missing before {value}")
    return value


def _default_text(field: msgspec.structs.FieldInfo) -> str | None:
    """The default as text for `--help`. None: there is no default."""
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
    """The placeholder of the value in `--help`."""
    info = _without_metadata(msgspec.inspect.type_info(field.type))
    kinds = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    for kind in map(_without_metadata, kinds):
        if isinstance(kind, msgspec.inspect.StrType):
            words = _WORDS.fullmatch(kind.pattern or "")
            return "TEXT" if words is None else words[1]
        if type(kind).__name__ in _LABELS:
            return _LABELS[type(kind).__name__]
    return "TEXT"


def _without_metadata(info: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """A type without its metadata."""
    while isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    return info
