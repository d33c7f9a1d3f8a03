"""The pages that are made from the SDK's docstrings.

The docstrings are plain text with names in `backticks` and examples that are indented. Sphinx reads
reStructuredText, where the same signs mean other things: `as_markup` writes the one as the other.
"""

import re
from collections.abc import Mapping, Sequence
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

_CODE: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_SECTION: Final = re.compile(r"(Args|Attributes|Raises|Returns|Yields):")
_EXAMPLE: Final = "Example:"


def sdk_pages() -> dict[str, str]:
    """The texts of the pages in Markdown, by the path that each would have in the repository."""
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
        pages[f"docs/reference/sdk/{name}.md"] = text
    return pages


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
