"""The licences of what others wrote and the site carries: the theme and the search."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Final

DISTRIBUTIONS: Final = ("sphinx", "furo", "sphinx-basic-ng", "snowballstemmer", "pygments")
"""Whose scripts and style sheets are among the files of the site."""
_NAMES: Final = ("LICENSE", "LICENCE", "COPYING")


class NoLicence(Exception):
    """A distribution came without its licence, which has to be carried with its files."""


def write_licences(file: Path) -> None:
    """Write the licences into one file, from the environment that builds the site.

    Raises:
        NoLicence: see there.
    """
    file.write_text("\n\n".join(map(_licence, DISTRIBUTIONS)), encoding="utf-8")


def _licence(name: str) -> str:
    found = distribution(name)
    texts = [one.read_text() for one in found.files or () if one.name.startswith(_NAMES)]
    if not texts:
        raise NoLicence(f"{name} came without its licence")
    return "\n".join((f"{name} {found.version}", "=" * 72, "", *texts))
