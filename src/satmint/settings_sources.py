"""Reads the settings: defaults, then a TOML file, then `SATMINT_…` variables, then options."""

import re
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec

from satmint.environment import setting_variables
from satmint.model.database_url import DatabaseUrl, check_database_url
from satmint.model.proxies import TrustedProxies
from satmint.model.web_addresses import (
    InvalidWebAddress,
    normal_base_url,
    normal_cluster_host,
    normal_origin,
)
from satmint.settings import FIELDS, Settings, SettingsError, describe

_IN_VARIABLE: Final = "env:"
_IN_FILE: Final = "file:"
_SQLITE: Final = "sqlite:///"


def load_settings(
    options: Mapping[str, object], environment: Mapping[str, str], file: Path | None = None
) -> Settings:
    """Load the settings from all sources, each in its normal form.

    Args:
        options: From the command line; None counts as not given.
        environment: Variables; see `satmint.environment`.
        file: A TOML file with the settings as keys.

    Raises:
        SettingsError: a setting is unknown, or its value is invalid. The message names the option,
            the variable, or the key and the file.
    """
    values: dict[str, object] = {}
    labels: dict[str, str] = {}
    if file is not None:
        values |= _from_toml(file)
        labels |= {name: f"{name} in {file}" for name in values}
    for name, (variable, text) in setting_variables(environment).items():
        values[name], labels[name] = parse_text(name, text), variable
    for name, value in options.items():
        if value is not None:
            values[name], labels[name] = value, f"--{name.replace('_', '-')}"
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(_plain_message(str(error), labels)) from error
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise SettingsError("set both tls_cert and tls_key, or neither")
    normal = _normal_values(settings, labels)
    if DatabaseUrl.of(settings.database).behind_pooler:
        normal["database_pooler"] = True
    return msgspec.structs.replace(settings, **normal)


def sources_of(
    options: Mapping[str, object], environment: Mapping[str, str], file: Path | None = None
) -> dict[str, str]:
    """Where each setting that is not a default comes from, by its name; see `load_settings`.

    Returns:
        An option, a variable, or a file.
    """
    sources = {} if file is None else dict.fromkeys(_from_toml(file), str(file))
    sources |= {name: variable for name, (variable, _) in setting_variables(environment).items()}
    given = {name: value for name, value in options.items() if value is not None}
    return sources | {name: f"--{name.replace('_', '-')}" for name in given}


def absolute_paths(settings: Settings) -> Settings:
    """The settings with absolute paths: a server finds its files from any current folder."""
    changed: dict[str, object] = {}
    for name in ("keyring", "tls_cert", "tls_key"):
        text = getattr(settings, name)
        if text is not None and not text.startswith(_IN_VARIABLE):
            changed[name] = str(Path(text).absolute())
    if settings.keyring_kek is not None and settings.keyring_kek.startswith(_IN_FILE):
        file = Path(settings.keyring_kek.removeprefix(_IN_FILE))
        changed["keyring_kek"] = f"{_IN_FILE}{file.absolute()}"
    if settings.database.startswith(_SQLITE):
        file = Path(unquote(settings.database.removeprefix(_SQLITE)))
        changed["database"] = f"{_SQLITE}{quote(str(file.absolute()))}"
    return msgspec.structs.replace(settings, **changed)


def split_words(text: str) -> tuple[str, ...]:
    """The items of a comma-separated list."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def split_regions(text: str) -> dict[str, str | None]:
    """The regions of `name=host,name=host`."""
    pairs = (word.partition("=") for word in split_words(text))
    return {name.strip(): host.strip() or None for name, _, host in pairs}


_LISTS: Final = {
    "cors_origins": split_words,
    "trusted_proxies": split_words,
    "strict_proofs": split_words,
}


def parse_text(name: str, text: str) -> object:
    """Parse a setting's value from a variable or an option."""
    if name == "regions":
        return split_regions(text)
    return _LISTS[name](text) if name in _LISTS else text


def _from_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # not TOML, or not UTF-8
        message = f"cannot read {file}: {error}"
        raise SettingsError(message) from error


def _normal_values(settings: Settings, labels: Mapping[str, str]) -> dict[str, object]:
    """The values in normal form of all settings that have one.

    Raises:
        SettingsError: a value has none: the setting would be accepted, and fail later.
    """
    normal = {}
    for name, normalise in _NORMAL_FORMS.items():
        value = getattr(settings, name)
        if value is None:
            continue
        try:
            normal[name] = normalise(value)
        except ValueError as error:
            message = f"{labels.get(name, name)} {error}"
            raise SettingsError(message) from error
    return normal


def _normal_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    normal = []
    for number, origin in enumerate(origins, start=1):
        try:
            normal.append(origin if origin == "*" else normal_origin(origin))
        except InvalidWebAddress as error:
            message = f"has an invalid origin: number {number} {error}"
            raise ValueError(message) from error
    return tuple(dict.fromkeys(normal))


def _normal_regions(regions: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: normal_cluster_host(host) if host else None for name, host in regions.items()}


def _valid_proxies(proxies: tuple[str, ...]) -> tuple[str, ...]:
    try:
        TrustedProxies(proxies)
    except ValueError as error:
        message = f"is invalid: {error}"
        raise ValueError(message) from error
    return proxies


def _bound_address(host: str) -> str:
    host = host.strip()
    if not host or not host.isprintable():
        raise ValueError("must be an address of this machine, such as 127.0.0.1")
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _database(url: str) -> str:
    """A URL that is understood, and whose files can be read: the driver does not name them."""
    found = DatabaseUrl.of(check_database_url(url))
    for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
        file = found.parameters.get(name)
        if file is None:
            continue
        try:
            Path(file).open("rb").close()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            message = f"has the parameter {name}, a file that cannot be read: {reason}"
            raise ValueError(message) from error
    return url


def _path(text: str) -> str:
    if not text.strip() or "\0" in text:
        raise ValueError("must be the path of a file")
    return text


_NORMAL_FORMS: Final[dict[str, Callable[[Any], object]]] = {
    "database": _database,
    "host": _bound_address,
    "admin_host": _bound_address,
    "keyring": _path,
    "tls_cert": _path,
    "tls_key": _path,
    "public_url": normal_base_url,
    "admin_url": normal_base_url,
    "cluster_host": normal_cluster_host,
    "regions": _normal_regions,
    "cors_origins": _normal_origins,
    "trusted_proxies": _valid_proxies,
}
"""The normal form of a value. Raises ValueError, whose message follows the setting's name."""


def _plain_message(message: str, labels: Mapping[str, str]) -> str:
    """A message of msgspec with the source of the setting instead of a path and Python types."""
    unknown = re.search(r"unknown field `([^`]*)`", message)
    if unknown is not None:
        name = unknown[1]
        near = get_close_matches(name, [field.name for field in FIELDS], 1)
        named = labels.get(name, name)
        return f"unknown setting {named}" + (f": did you mean {near[0]}?" if near else "")
    found = re.fullmatch(r"(.*) - at `\$\.(\w+).*`", message)
    if found is None:
        return message
    problem, name = found.groups()
    label = labels.get(name, name)
    bound = re.search(r"`int` (>=|<=) (-?\d+)", problem)
    if bound is not None:
        return f"{label} must be at {'least' if bound[1] == '>=' else 'most'} {bound[2]}"
    if problem.startswith("Expected `int"):
        return f"{label} must be an integer"
    if problem.startswith("Expected `bool"):
        return f"{label} must be true or false"
    return f"{label} has an invalid value. {describe(name)}"
