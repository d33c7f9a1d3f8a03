"""Each limit is counted by itself, under its own key, and begins anew when all are reset."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

import pytest

from satmint.flows.policy import Policy
from satmint.flows.rate_limits import RateLimits
from satmint.model.refusals import RateLimited
from tests.kit.clock import FrozenClock

ONE, TWO = UUID(int=1), UUID(int=2)
POLICY: Final = Policy(
    calls_per_minute=2, embeds_per_minute=3, invites_per_minute=4, failures_per_minute=5
)
Count = Callable[[RateLimits], None]
CASES: Final[dict[str, tuple[int, Count, Count]]] = {
    "calls": (2, lambda one: one.count_call(ONE), lambda one: one.count_call(TWO)),
    "embeds": (
        3,
        lambda one: one.count_embed(b"a", "192.0.2.1"),
        lambda one: one.count_embed(b"b", "192.0.2.1"),
    ),
    "invites": (4, lambda one: one.count_invite(ONE), lambda one: one.count_invite(TWO)),
    "failed_credentials": (
        5,
        lambda one: one.count_failure("192.0.2.1"),
        lambda one: one.count_failure("192.0.2.2"),
    ),
    "webhook_tests": (
        10,
        lambda one: one.count_webhook_test(ONE),
        lambda one: one.count_webhook_test(TWO),
    ),
}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


def used_up(limits: RateLimits, limit: str) -> int:
    """Seconds after which another one is counted."""
    number, count, _ = CASES[limit]
    for _ in range(number):
        count(limits)
    with pytest.raises(RateLimited, match=limit) as refused:
        count(limits)
    return refused.value.retry_after


@pytest.mark.parametrize("limit", CASES)
def test_limit_is_counted_by_its_key_and_by_itself(clock: FrozenClock, limit: str) -> None:
    limits = RateLimits(POLICY, clock)
    retry_after = used_up(limits, limit)
    assert 0 < retry_after <= 60
    CASES[limit][2](limits)  # another key
    for name, (_, count, _) in CASES.items():
        if name != limit:
            count(limits)
    clock.advance(retry_after)
    CASES[limit][1](limits)


@pytest.mark.parametrize("limit", CASES)
def test_reset_forgets_each_count(clock: FrozenClock, limit: str) -> None:
    limits = RateLimits(POLICY, clock)
    used_up(limits, limit)
    limits.reset()
    used_up(limits, limit)


def test_exchange_is_counted_by_the_network_as_well(clock: FrozenClock) -> None:
    limits = RateLimits(POLICY, clock)
    used_up(limits, "embeds")
    limits.count_embed(b"a", "192.0.2.2")


def test_failure_that_may_be_counted_is_and_no_other(clock: FrozenClock) -> None:
    limits = RateLimits(POLICY, clock)
    found = [limits.try_count_failure("192.0.2.1") for _ in range(7)]
    assert found == [True] * 5 + [False] * 2
    with pytest.raises(RateLimited, match="failed_credentials"):
        limits.count_failure("192.0.2.1")


def test_call_that_was_a_repetition_is_given_back(clock: FrozenClock) -> None:
    limits = RateLimits(POLICY, clock)
    for _ in range(20):
        limits.count_call(ONE)
        limits.refund_call(ONE)
    used_up(limits, "calls")


def test_calls_are_counted_only_where_there_is_a_limit(clock: FrozenClock) -> None:
    limits = RateLimits(Policy(), clock)
    for _ in range(1000):
        limits.count_call(ONE)
    limits.refund_call(ONE)
    limits.reset()
