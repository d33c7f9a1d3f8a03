"""The built site."""

from pathlib import Path

import pytest

from tests.kit.documentation import built_site


@pytest.fixture(scope="session")
def site() -> Path:
    """Its folder."""
    return built_site()
