"""What the page of settings needs of a setting."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """A setting as it is in force."""

    name: str
    value: str
    """Without secrets; "" if it is not set."""
    source: str
    """An option, a variable, or a file; "" if it is the default."""
    description: str
