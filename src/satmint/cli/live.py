"""`satmint doctor --live` without the rest of the command line, whose import takes longer."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from satmint.doctor.liveness import liveness_fault
from satmint.doctor.local_server import public_listener
from satmint.environment import CONFIG_VARIABLE
from satmint.settings import Settings, SettingsError
from satmint.settings_sources import load_settings

_COMMAND: Final = ("doctor", "--live")


def is_live_check(arguments: Sequence[str]) -> bool:
    """Whether a command line is `doctor --live` and no other option."""
    return tuple(arguments) == _COMMAND


def run_live_check() -> int:
    """Ask the server that the environment and its file describe; return the exit code."""
    file = os.environ.get(CONFIG_VARIABLE, "").strip()
    try:
        settings = load_settings({}, os.environ, Path(file) if file else None)
    except SettingsError as error:
        sys.stderr.write(f"satmint: {error}\n")
        return 2
    fault = live_fault(settings)
    if fault:
        sys.stderr.write(f"satmint: {fault}\n")
    return 1 if fault else 0


def live_fault(settings: Settings) -> str:
    """Why the server of this machine does not answer `/livez`; "" if it does."""
    return liveness_fault(public_listener(settings))
