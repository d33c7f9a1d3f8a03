"""The built site, and a browser."""

from pathlib import Path

import pytest

from tests.kit.browsing import browser, page  # noqa: F401 - fixtures
from tests.kit.documentation import built_site


@pytest.fixture(scope="session")
def site() -> Path:
    """Its folder."""
    return built_site()
