"""A pytest plugin that records which statements of a room each test executes.

It stands alone: it runs in the room's interpreter, from a copy beside the room's source, which
calls `statements.hit`. The statements of a fixture that several tests share count for each of them.
Those that ran before the first test ran at import. A child process is not recorded.

Environment:
    MUTANTS_FILES: The files of the room, as a JSON list of absolute paths.
    MUTANTS_SHARD: Which of how many equal parts of the test files to run, as `0/2`.
    MUTANTS_RECORDING: The file to write.
"""

import contextlib
import functools
import gc
import json
import os
import sys
from collections.abc import Iterator
from typing import Any, Final
from zlib import crc32

import pytest
from mutants_statements import Statement, contexts  # type: ignore[import-not-found]

_FILES: Final = frozenset(json.loads(os.environ["MUTANTS_FILES"]))
_recorded: Final[dict[str, set[Statement]]] = {"import": contexts[0]}
"""By context: an import, a shared fixture, or a test."""
_tests: Final[dict[str, dict[str, Any]]] = {}


@contextlib.contextmanager
def _recording_for(context: str) -> Iterator[None]:
    contexts.append(_recorded.setdefault(context, set()))
    try:
        yield
    finally:
        contexts.pop()


def _key_of(fixture: pytest.FixtureDef[Any]) -> str:
    return f"fixture {fixture.baseid} {fixture.argname}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the other test files to other processes."""
    shard, _, count = os.environ["MUTANTS_SHARD"].partition("/")
    items[:] = [item for item in items if crc32(item.path.name.encode()) % int(count) == int(shard)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Record for one test."""
    _empty_caches()
    fixtures = getattr(item, "_fixtureinfo").name2fixturedefs.values()  # noqa: B009
    shared = [_key_of(each) for defs in fixtures for each in defs if each.scope != "function"]
    _tests[item.nodeid] = {"seconds": 0.0, "contexts": [item.nodeid, *shared], "failed": False}
    with _recording_for(item.nodeid):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
    """Record for all tests that share a fixture."""
    if fixturedef.scope == "function":
        return (yield)
    with _recording_for(_key_of(fixturedef)):
        return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up the phases of a test."""
    _tests[report.nodeid]["seconds"] += report.duration
    _tests[report.nodeid]["failed"] |= report.failed


def pytest_sessionfinish() -> None:
    """Write what was recorded."""
    recording = {
        "tests": _tests,
        "statements": {context: sorted(found) for context, found in _recorded.items()},
    }
    with open(os.environ["MUTANTS_RECORDING"], "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(recording, file)


def _empty_caches() -> None:
    """Have each test execute what an earlier one left in a cache."""
    for cached in _caches():
        cached.cache_clear()


@functools.cache
def _caches() -> list[Any]:
    modules = {
        name
        for name, module in sys.modules.items()
        if getattr(module, "__file__", None) in _FILES and module is not None
    }
    kind = type(_caches)
    return [
        each for each in gc.get_objects() if isinstance(each, kind) and each.__module__ in modules
    ]
