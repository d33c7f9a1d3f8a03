"""The files of this repository, for the house rules to read."""

import ast
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SRC: Final = ROOT / "src" / "satmint"
SDK: Final = ROOT / "packages" / "satmint-sdk" / "src" / "satmint_sdk"
SIGNALWIRE: Final = ROOT / "packages" / "satmint-signalwire" / "src" / "satmint_signalwire"
TESTS: Final = ROOT / "tests"

_NOT_OURS: Final = frozenset({".git", ".venv", "node_modules", "__pycache__", ".hypothesis"})


@cache
def files() -> tuple[Path, ...]:
    """Every file of ours that is kept or about to be."""
    return tuple(path for path in kept() if not is_made(path))


def is_made(path: Path) -> bool:
    """Whether a file is part of an environment that a tool sets up, and none of ours."""
    parts = path.relative_to(ROOT).parts
    return not _NOT_OURS.isdisjoint(parts) or parts[0].startswith(".venv")


@cache
def kept() -> tuple[Path, ...]:
    """Every file that git keeps or would; without git, every file that looks so."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        found = (path for path in ROOT.rglob("*") if path.is_file() and not is_made(path))
        return tuple(sorted(found))
    named = (ROOT / name for name in listed.decode().split("\0") if name)
    return tuple(sorted(path for path in named if path.is_file()))


def python_files(*folders: Path) -> list[Path]:
    """The Python files below `folders`."""
    return [
        path
        for path in files()
        if path.suffix == ".py" and any(path.is_relative_to(folder) for folder in folders)
    ]


@cache
def parsed(path: Path) -> ast.Module:
    """A Python file as a tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def named(path: Path) -> str:
    """A file as messages call it."""
    return str(path.relative_to(ROOT))
