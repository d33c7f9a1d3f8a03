"""A gateway in memory, on a service that names it in its tokens."""

from __future__ import annotations

import pytest

from kit.gateway import FakeGateway
from kit.service import FakeTokenService
from satmint_sdk.testing import FakeClock


@pytest.fixture
def service(clock: FakeClock) -> FakeTokenService:
    return FakeTokenService(clock, cluster="puc.test")


@pytest.fixture
def gateway(service: FakeTokenService) -> FakeGateway:
    return FakeGateway(service)
