"""When a credential is dead."""

from datetime import UTC, datetime

import pytest

from satmint.model.lifetimes import (
    ACCESS_SECONDS,
    CONCURRENT_REPLAY_SECONDS,
    FOREVER,
    LATEST_EXPIRY,
    REFRESH_TOKEN_GRACE_SECONDS,
    UNBOUND_SELF_REFRESH_SECONDS,
    expired,
)
from tests.kit.clock import NOW


@pytest.mark.parametrize(("offset", "dead"), [(-1, False), (0, True), (1, True)])
def test_dead_on_exp_not_one_second_later(offset: int, dead: bool) -> None:
    assert expired(NOW, NOW + offset) is dead


def test_lives_are_those_of_the_contract() -> None:
    assert ACCESS_SECONDS == 2 * 60 * 60
    assert REFRESH_TOKEN_GRACE_SECONDS == 5 * 60
    assert UNBOUND_SELF_REFRESH_SECONDS == 60
    assert CONCURRENT_REPLAY_SECONDS == 10


def test_forever_is_the_largest_integer_up_to_which_json_is_exact() -> None:
    assert float(FOREVER - 1) == FOREVER - 1
    assert float(FOREVER) == float(FOREVER + 1) == FOREVER


def test_latest_refresh_token_expires_with_the_year_9999() -> None:
    latest = datetime.fromtimestamp(LATEST_EXPIRY + REFRESH_TOKEN_GRACE_SECONDS, UTC)
    assert latest.isoformat() == "9999-12-31T23:59:59+00:00"
