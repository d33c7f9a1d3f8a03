"""What the programs of this folder share: a log of everything, and requests of a subscriber."""

from __future__ import annotations

import logging
import os

REFERENCE = os.environ.get("REFERENCE", "program")
ME = f"http://{os.environ['RESOURCES']}/api/fabric/subscriber/info"
"""A resource that only the holder of a subscriber's token may read."""
FIRST_LIFE, LIFE = 4, 2
"""Seconds until the first token expires, and until the others are to be replaced."""


def log_everything() -> None:
    """Write what all libraries have to say to standard error."""
    logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s %(message)s")
