"""`satmint doctor --live` without the rest of the command line, whose import takes longer."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from satmint.doctor.liveness import liveness_fault
from satmint.doctor.local_server import public_listener
from satmint.environment import CONFIG_VARIABLE
from satmint.settings import Settings, SettingsError
from satmint.settings_sources import load_settings


def is_live_check(arguments: Sequence[str]) -> bool:
    """Whether a command line is `doctor --live`, with no other option than `--config FILE`."""
    rest = list(arguments[1:])
    if arguments[:1] != ["doctor"] or "--live" not in rest:
        return False
    rest.remove("--live")
    return not rest or (len(rest) == 2 and rest[0] == "--config")


def run_live_check(arguments: Sequence[str]) -> int:
    """Ask the server that the file and the environment describe; return the exit code.

    Args:
        arguments: As for `is_live_check`.
    """
    named = arguments[arguments.index("--config") + 1] if "--config" in arguments else ""
    file = named or os.environ.get(CONFIG_VARIABLE, "").strip()
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
