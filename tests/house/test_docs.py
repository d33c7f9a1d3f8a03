"""What the documents mention exists."""

import asyncio
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from satmint.model.events import EventKind
from satmint.model.refusals import Code
from satmint.settings import ENV_PREFIX, FIELDS
from tests.house.tree import ROOT, files, named, python_files
from tests.kit.certificates import issued_in
from tests.kit.service import a_service

FORMER_METRICS: Final = frozenset({"satmint_sessions_alive"})
METRIC: Final = re.compile(r"\bsatmint_(?!(?:sdk|signalwire)\b)[a-z][a-z_]*[a-z]\b")
"""The two that are left out are the import names of packages."""

VARIABLE: Final = re.compile(rf"\b{ENV_PREFIX}[A-Z][A-Z_]*[A-Z]\b")
EVENT: Final = re.compile(
    r"`((?:session|subscriber|api_token|c2c_token|reuse|key)_"
    r"(?:revoked|deleted|created|updated|disabled|detected|rotated|retired))`"
)
ERROR_PAGE: Final = re.compile(r"/errors/([a-z_]+)")

DOCUMENTS: Final = [path for path in files() if path.suffix == ".md"]


@cache
def used_in_code() -> set[str]:
    """Variables beside the settings that some program of this repository reads."""
    texts = (path.read_text(encoding="utf-8") for path in python_files(ROOT))
    return {name for text in texts for name in VARIABLE.findall(text)}


@cache
def plugin_names() -> set[str]:
    """The fixtures, markers and options of the pytest plugin."""
    plugin = ROOT / "packages" / "pytest-satmint" / "src" / "pytest_satmint" / "plugin.py"
    return set(METRIC.findall(plugin.read_text(encoding="utf-8")))


@cache
def metric_names() -> frozenset[str]:
    """Every name that a scrape can show."""
    with TemporaryDirectory() as folder:
        text = asyncio.run(scraped(Path(folder)))
    suffixes = {"counter": ("_total", ""), "histogram": ("_bucket", "_sum", "_count", "")}
    return frozenset(
        family.name + suffix
        for family in text_string_to_metric_families(text)
        for suffix in suffixes.get(family.type, ("",))
    )


async def scraped(folder: Path) -> str:
    """What one of two workers tells, of whom the other is not there."""
    async with a_service(folder, workers=2) as server:
        await server.service.purge_step()  # sessions are shown once they were counted
        server.service.use_certificate(issued_in(folder).read())
        server.service.join_workers(folder, 0)
        aggregator = server.service.aggregator
        assert aggregator is not None
        return (await aggregator.text()).decode()


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_metrics_events_settings_and_codes_that_are_mentioned_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    settings = {ENV_PREFIX + field.name.upper() for field in FIELDS} | used_in_code()
    former = FORMER_METRICS if document.name == "CHANGELOG.md" else frozenset()
    assert set(METRIC.findall(text)) <= metric_names() | plugin_names() | former
    assert set(VARIABLE.findall(text)) <= settings
    assert set(EVENT.findall(text)) <= set(EventKind)
    assert set(ERROR_PAGE.findall(text)) <= set(Code)
