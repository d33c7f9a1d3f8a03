"""When a credential is dead."""

import pytest

from satmint.model.lifetimes import (
    ACCESS_SECONDS,
    CONCURRENT_REPLAY_SECONDS,
    REFRESH_OVERHANG_SECONDS,
    UNBOUND_SELF_REFRESH_SECONDS,
    expired,
)
from tests.kit.clock import NOW


@pytest.mark.parametrize(("offset", "dead"), [(-1, False), (0, True), (1, True)])
def test_dead_on_exp_not_one_second_later(offset: int, dead: bool) -> None:
    assert expired(NOW, NOW + offset) is dead


def test_lives_are_those_of_the_contract() -> None:
    assert ACCESS_SECONDS == 2 * 60 * 60
    assert REFRESH_OVERHANG_SECONDS == 5 * 60
    assert UNBOUND_SELF_REFRESH_SECONDS == 60
    assert CONCURRENT_REPLAY_SECONDS == 10
