"""A plugin of pytest that leaves the tests that use PostgreSQL.

python -m pytest -p tests.kit.postgres_only tests

These are the tests whose id, with its parameters, names PostgreSQL, and those of files that start
servers of it, but for what they try on SQLite.
"""

import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

_STARTS: Final = re.compile(r"tests\.kit\.(postgres|pgbouncer)\b")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """See pytest's hook of that name."""
    kept = [item for item in items if _uses_postgres(item)]
    config.hook.pytest_deselected(items=[item for item in items if not _uses_postgres(item)])
    items[:] = kept


def _uses_postgres(item: pytest.Item) -> bool:
    test = item.nodeid.casefold()
    if "postgres" in test or "pgbouncer" in test:
        return True
    return "sqlite" not in test and _starts_servers(item.path)


@cache
def _starts_servers(file: Path) -> bool:
    return _STARTS.search(file.read_text(encoding="utf-8")) is not None
