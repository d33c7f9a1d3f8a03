"""Every way of saying no: drawn, mapped, worded."""

import re
from importlib import import_module
from typing import Final

from satmint.http import statuses
from satmint.http.statuses import STATUS
from satmint.model import refusals
from satmint.model.refusals import Code, Refusal
from tests.house.tree import SRC, python_files

LINE: Final = re.compile(r"^    (?P<indent>[│ ]*)(├── |└── )?(?P<name>[A-Z]\w+)( {2,}\S.*)?$")


def drawn() -> dict[str, str | None]:
    """The tree at the top of `model/refusals.py`: each class and its parent."""
    tree: dict[str, str | None] = {}
    ancestors: list[str] = []
    for line in (refusals.__doc__ or "").splitlines():
        found = LINE.match(line)
        if found is None:
            continue
        depth = 0 if found[2] is None else 1 + len(found["indent"]) // 4
        del ancestors[depth:]
        tree[found["name"]] = ancestors[-1] if ancestors else None
        ancestors.append(found["name"])
    return tree


def real(root: type[Refusal]) -> dict[str, str | None]:
    tree: dict[str, str | None] = {root.__name__: None}
    for child in root.__subclasses__():
        tree |= real(child) | {child.__name__: root.__name__}
    return tree


def test_error_tree_is_as_it_is_drawn() -> None:
    for path in python_files(SRC):
        module = ".".join(path.relative_to(SRC.parent).with_suffix("").parts)
        if not module.endswith("__main__"):
            import_module(module.removesuffix(".__init__"))
    assert drawn() == real(Refusal)


def test_every_code_has_exactly_one_status() -> None:
    assert set(STATUS) == set(Code)


def test_every_code_is_answered_in_one_of_two_ways() -> None:
    listed = {code for code, status in STATUS.items() if status in (422, 429)}
    assert set(statuses._ERROR_TEXT) == set(Code) - listed


def test_every_refusal_has_a_code_that_exists() -> None:
    for name in real(Refusal):
        if name != "Refusal":
            assert getattr(refusals, name).code in set(Code)
