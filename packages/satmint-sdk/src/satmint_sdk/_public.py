"""`dir` that lists what is public."""

from __future__ import annotations

from collections.abc import Iterable


def is_public(name: str) -> bool:
    """Whether a name is for callers: it has no underscore before it, or is one of Python's own."""
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


class PublicDir:
    """An object whose `dir` lists no private names, as completion in a shell shows it."""

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if is_public(name)]
