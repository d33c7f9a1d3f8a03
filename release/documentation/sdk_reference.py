"""The pages that are made from the SDK's docstrings.

The docstrings are plain text with names in `backticks` and examples that are indented. Sphinx reads
reStructuredText, where the same signs mean other things: `as_markup` writes the one as the other.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

MODULES: Final[Mapping[str, str]] = {
    "satmint_sdk.rest": "Requests to the API, and their options.",
    "satmint_sdk.rest.types": "The types of responses.",
    "satmint_sdk.credentials": "Providers, stores and sessions: tokens that are renewed in time.",
    "satmint_sdk.verify": "Checks SATs in a service of your own.",
    "satmint_sdk.verify.asgi": "The check as middleware of ASGI applications.",
    "satmint_sdk.verify.wsgi": "The check as middleware of WSGI applications.",
    "satmint_sdk.verify.fastapi": "The check as a dependency of FastAPI.",
    "satmint_sdk.verify.flask": "The check as a decorator of Flask.",
    "satmint_sdk.verify.django": "The check as a decorator of Django.",
    "satmint_sdk.testing": "Clock, entropy and token service for tests.",
}
"""The public modules, with what each is for."""
ERRORS: Final[Mapping[str, str]] = {
    "satmint_sdk.rest": "satmint_sdk.rest.errors",
    "satmint_sdk.credentials": "satmint_sdk.credentials.errors",
}
"""The modules that show how the errors of another, which has them too, descend from each other."""
INDEX: Final = "docs/reference/sdk.md"

_SOURCE: Final = Path("packages", "satmint-sdk", "src")
_CODE: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_SECTION: Final = re.compile(r"(Args|Attributes|Raises|Returns|Yields):")
_EXAMPLE: Final = "Example:"


def sdk_pages(root: Path) -> dict[str, str]:
    """The texts of the pages in Markdown, by the path that each would have in the repository.

    Args:
        root: The repository.
    """
    rows = [f"| [`{name}`](sdk/{name}.md) | {what} |" for name, what in MODULES.items()]
    index = (
        "# SDK reference\n\n"
        "What each public name of the Python SDK takes, returns and raises. How they work together"
        " is told in\n[the Python SDK](../../packages/satmint-sdk/README.md)"
        " and in the [guides](../guides/README.md).\n\n"
        "| module | what it is for |\n|---|---|\n"
    )
    pages = {INDEX: index + "\n".join(rows) + "\n"}
    for name in MODULES:
        text = f"# {name}\n\n{_directive(name, members=True)}"
        if name in ERRORS:
            text += f"\n## {ERRORS[name]}\n\n{_directive(ERRORS[name], members=False)}"
        text += "".join(
            f"\n```{{eval-rst}}\n.. autodata:: {constant.replace(':', '.')}\n```\n"
            for constant in _constants(root / _SOURCE, name)
        )
        pages[f"docs/reference/sdk/{name}.md"] = text
    return pages


def _constants(source: Path, module: str) -> list[str]:
    """The full names of constants and aliases that a module has in `__all__` from another one.

    Sphinx finds what is said about a constant only where it is set.
    """
    public = _assigned(_body(source, module)).get("__all__")
    names = [] if public is None else ast.literal_eval(public)
    found = (_place(source, module, name) for name in sorted(names))
    return [place for place in found if place is not None and not place.startswith(f"{module}:")]


def _place(source: Path, module: str, name: str) -> str | None:
    """Where a constant is set, as `module:name`, through all imports of it; None: it is none."""
    body = _body(source, module)
    if name in _assigned(body):
        return f"{module}:{name}"
    for statement in (found for one in body for found in ast.walk(one)):
        if (
            isinstance(statement, ast.ImportFrom)
            and statement.module is not None
            and any(one.name == name for one in statement.names)
        ):
            return _place(source, statement.module, name)
    return None


def _body(source: Path, module: str) -> Sequence[ast.stmt]:
    """The statements of one of the SDK's modules; of another one, none."""
    path = source.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.exists():
            return ast.parse(file.read_text(encoding="utf-8")).body
    return ()


def _assigned(body: Sequence[ast.stmt]) -> dict[str, ast.expr]:
    """What is assigned to each name."""
    found: dict[str, ast.expr] = {}
    for statement in body:
        if isinstance(statement, ast.Assign):
            targets: Sequence[ast.expr] = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = (statement.target,)
        else:
            continue
        names = (target.id for target in targets if isinstance(target, ast.Name))
        found |= {name: statement.value for name in names if statement.value is not None}
    return found


def _directive(module: str, *, members: bool) -> str:
    options = "   :members:\n" if members else ""
    return f"```{{eval-rst}}\n.. automodule:: {module}\n{options}```\n"


def as_markup(lines: Sequence[str]) -> list[str]:
    """A docstring as reStructuredText: `name` as code, and what is indented as an example."""
    language = "text" if any("└" in line for line in lines) else "python"
    made: list[str] = []
    in_section = in_example = False
    for line in lines:
        indented = line.startswith("    ")
        if line and not indented:
            in_section, in_example = _SECTION.fullmatch(line) is not None, False
        if line == _EXAMPLE:
            continue
        if indented and not in_section and not in_example:
            made += ["", f".. code-block:: {language}", ""]
            in_example = True
        made.append(line if in_example else _CODE.sub(r"``\1``", line))
    return made
