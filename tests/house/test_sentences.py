"""Sentences that were replaced by plainer ones do not come back where users read them."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.house.tree import ROOT, SRC, files, named

RETIRED: Final = (
    "good day",
    "machine's clock again",
    "go wrong",
    "goes wrong",
    "told to do wrong",
    "is no integer",
    "comes twice",
    "still to be told",
    "laid ready",
    "lies ready",
    "no token of this deployment",
    "of the present schema",
    "than are let through",
    "knows who is asking",
    "nothing to tell",
    "resume this session with, later",
    "nobody of yours",
    "what a token says",
    "who may call",
    "whoever",
)
READ_BY_USERS: Final = [
    path
    for path in files()
    if (path.suffix == ".md" and not path.is_relative_to(ROOT / "docs" / "adr"))
    or (path.is_relative_to(SRC) and path.suffix in {".html", ".js"})
    or named(path)
    in {
        *(f"src/satmint/http/{name}.py" for name in ("explanations", "openapi", "metrics")),
        "src/satmint/model/event_texts.py",
        "src/satmint/settings.py",
    }
]
_KEPT: Final = ("CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/", "packages/", "docs/glossary.md")
"""The first quotes what was replaced; the others have readers of their own."""


@pytest.mark.parametrize(
    "path",
    [path for path in READ_BY_USERS if not named(path).startswith(_KEPT)],
    ids=named,
)
def test_retired_sentences_do_not_come_back(path: Path) -> None:
    text = re.sub(r"\s+", " ", path.read_text(encoding="utf-8")).lower()
    assert [sentence for sentence in RETIRED if sentence in text] == []
