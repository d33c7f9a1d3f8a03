"""Finds the documentation site, which `satmint dev` serves."""

from pathlib import Path
from typing import Final, NamedTuple

_PACKAGED: Final = Path(__file__).parents[1] / "documentation"
_CHECKOUT: Final = Path(__file__).parents[3]
_BUILT: Final = Path("build") / "site"


class Documentation(NamedTuple):
    """The site, or how to have it."""

    folder: Path | None
    """Where its files are; None: it is not there."""
    command: str | None = None
    """A shell command that builds it; None: it is there, or this is no clone of the repository."""


def find_documentation(packaged: Path = _PACKAGED, checkout: Path = _CHECKOUT) -> Documentation:
    """The site that the package carries, or the one that was built in a clone of the repository.

    Args:
        packaged: Where the package carries it.
        checkout: The repository, if this is a clone.
    """
    is_clone = (checkout / "release" / "documentation" / "build.py").is_file()
    # Elsewhere, others may be able to write beside the folder that the package is in.
    for folder in (packaged, checkout / _BUILT) if is_clone else (packaged,):
        if (folder / "index.html").is_file():
            return Documentation(folder)
    return Documentation(None, "make docs" if is_clone else None)
