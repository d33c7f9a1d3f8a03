"""A server whose webhooks may be on this machine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.service import Server, a_service


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with a_service(tmp_path, private_webhooks=True) as made:
        yield made
