"""Makes `import signalwire` mean `satmint_sdk` where no other `signalwire` can be imported.

Importing this module appends a finder to the end of `sys.meta_path`. The interpreter does so at its
start, because of `satmint-signalwire.pth`; a program that runs without `site` does so with
`import satmint_signalwire`.

A finder at the end is asked only for what no other finder has found, so an installed
`signalwire-sdk` always wins. No file of this distribution has a name that is also in the vendor's,
so installing or removing one of the two does not change the other.

This file runs at the start of every interpreter. It imports nothing but `sys`, not even
`__future__`; everything else is imported when the name is asked for.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_NAME = "signalwire"


class FallbackFinder:
    """A meta path finder for one name that no other finder has found."""

    @classmethod
    def find_spec(
        cls,
        name: str,
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> "ModuleSpec | None":
        """Find `signalwire` in this distribution; `None` for every other name.

        Its submodules are found by the import system, on the path of the package.
        """
        if name == _NAME:
            return cls._behind(name, path, target) or _spec(name, "")
        if name in ("signalwire.rest", "signalwire.credentials") and _is_bare_directory():
            return _spec(name, name.removeprefix("signalwire"))
        return None

    @classmethod
    def _behind(
        cls, name: str, path: "Sequence[str] | None", target: "ModuleType | None"
    ) -> "ModuleSpec | None":
        """Call finders that were appended later, such as an editable install's."""
        behind = False
        for finder in list(sys.meta_path):
            if finder is cls:
                behind = True
            elif behind and (find := getattr(finder, "find_spec", None)) is not None:
                found: ModuleSpec | None = find(name, path, target)
                if found is not None:
                    return found
        return None


def _is_bare_directory() -> bool:
    """Whether `signalwire` is a directory without `__init__.py`, in the working directory perhaps.

    Python takes such a directory for a namespace package, and does not ask this finder for it.
    """
    module = sys.modules.get(_NAME)
    return module is not None and getattr(module, "__file__", None) is None


def _spec(name: str, module: str) -> "ModuleSpec | None":
    from importlib.util import spec_from_file_location

    folder = f"{__path__[0]}/facade{module.replace('.', '/')}"
    return spec_from_file_location(
        name, f"{folder}/__init__.py", submodule_search_locations=[folder]
    )


def install() -> None:
    """Append the finder to `sys.meta_path`, unless it is there. Importing this module does so."""
    if FallbackFinder not in sys.meta_path:
        sys.meta_path.append(FallbackFinder)


install()
