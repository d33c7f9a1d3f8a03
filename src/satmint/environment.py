"""The `SATMINT_…` variables of the environment: settings, Kubernetes' service links, and others."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Final, NamedTuple

from satmint.settings import ENV_PREFIX, FIELDS, Settings

CONFIG_VARIABLE: Final = "SATMINT_CONFIG"
"""Names the TOML file with settings."""

_NAMES: Final = frozenset(field.name for field in FIELDS)
_IN_VARIABLE: Final = "env:"


class UnknownVariable(NamedTuple):
    """A variable that has no effect."""

    name: str
    nearest: str | None
    """The variable of the setting with the most similar name. None: no name is similar."""

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return f"did you mean {self.nearest}?" if self.nearest else "unset it"


def setting_variables(environment: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The settings in the environment: by name, the variable and its text without outer blanks.

    An empty variable is an unset one. Service links of Kubernetes are not settings.
    """
    found = {}
    for variable, text in environment.items():
        name = variable.removeprefix(ENV_PREFIX).lower()
        is_setting = variable.startswith(ENV_PREFIX) and name in _NAMES
        if is_setting and text.strip() and not _is_service_link(variable, text.strip()):
            found[name] = variable, text.strip()
    return found


def unknown_variables(
    environment: Mapping[str, str], settings: Settings
) -> tuple[UnknownVariable, ...]:
    """The `SATMINT_…` variables that mean nothing, with the nearest setting, in alphabetical order.

    Args:
        environment: The environment.
        settings: The settings, some of which name variables with secrets.
    """
    named = {CONFIG_VARIABLE}
    for source in (settings.keyring, settings.keyring_kek or ""):
        if source.startswith(_IN_VARIABLE):
            named.add(source.removeprefix(_IN_VARIABLE))
    known = [ENV_PREFIX + name.upper() for name in sorted(_NAMES)] + [CONFIG_VARIABLE]
    unknown = []
    for variable, text in sorted(environment.items()):
        if not variable.startswith(ENV_PREFIX) or not text.strip():
            continue
        name = variable.removeprefix(ENV_PREFIX).lower()
        if name in _NAMES or variable in named or _is_service_link(variable, text.strip()):
            continue
        nearest = get_close_matches(variable.upper(), known, 1, 0.75)
        unknown.append(UnknownVariable(variable, nearest[0] if nearest else None))
    return tuple(unknown)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_url(text: str) -> bool:
    return re.fullmatch(r"(tcp|udp|sctp)://\S+", text) is not None


# Kubernetes sets these in every pod for each Service whose name begins with `satmint`, in the form
# of Docker's links: https://kubernetes.io/docs/concepts/services-networking/service/
_PORT: Final = "_PORT_[0-9]+_(TCP|UDP|SCTP)"
_LINKS: Final[tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...]] = (
    (re.compile(".*_SERVICE_HOST"), _is_address),
    (re.compile(".*_SERVICE_PORT(_[A-Z0-9_]+)?"), str.isdigit),
    (re.compile(f".*(_PORT|{_PORT})"), _is_url),
    (re.compile(f".*{_PORT}_PROTO"), str.isalpha),
    (re.compile(f".*{_PORT}_PORT"), str.isdigit),
    (re.compile(f".*{_PORT}_ADDR"), _is_address),
)


def _is_service_link(variable: str, text: str) -> bool:
    return any(name.fullmatch(variable) and is_form(text) for name, is_form in _LINKS)
