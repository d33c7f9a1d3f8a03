"""Reads the settings: defaults, then a TOML file, then `SATMINT_…` variables, then options."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from satmint.model.proxies import TrustedProxies
from satmint.settings import ENV_PREFIX, FIELDS, Settings, SettingsError


def load_settings(
    options: Mapping[str, object], environment: Mapping[str, str], file: Path | None = None
) -> Settings:
    """Load the settings from all sources.

    Args:
        options: From the command line; None counts as not given.
        environment: Variables; those that begin with `SATMINT_` are read.
        file: A TOML file with the settings as keys.

    Raises:
        SettingsError: a setting is unknown, or its value is invalid.
    """
    values: dict[str, object] = {}
    if file is not None:
        values |= _from_toml(file)
    values |= _from_environment(environment)
    values |= {name: value for name, value in options.items() if value is not None}
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from error
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise SettingsError("set both tls_cert and tls_key, or neither")
    try:
        TrustedProxies(settings.trusted_proxies)
    except ValueError as error:
        message = f"trusted_proxies: {error}"
        raise SettingsError(message) from error
    return settings


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


def _from_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # not TOML, or not UTF-8
        message = f"cannot read {file}: {error}"
        raise SettingsError(message) from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    names = {field.name for field in FIELDS}
    values: dict[str, object] = {}
    for variable, text in environment.items():
        name = variable.removeprefix(ENV_PREFIX).lower()
        if variable.startswith(ENV_PREFIX) and name in names:
            values[name] = parse_text(name, text)
    return values


def parse_text(name: str, text: str) -> object:
    """Parse a setting's value from a variable or an option."""
    if name == "regions":
        return split_regions(text)
    return _LISTS[name](text) if name in _LISTS else text
