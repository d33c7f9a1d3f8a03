"""Rate limits: so many in a window, for each key by itself, in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.model import rate_limiter
from satmint.model.rate_limiter import RateLimiter, network_of
from tests.kit.clock import NOW


def test_as_many_as_allowed_then_the_seconds_to_wait() -> None:
    calls = RateLimiter(3, seconds=60)
    assert [calls.take("a", NOW) for _ in range(4)] == [None, None, None, 60]
    assert calls.take("a", NOW + 59) == 1
    assert calls.take("a", NOW + 60) is None


def test_two_windows_that_meet_let_nearly_twice_as_many_through() -> None:
    calls = RateLimiter(3)
    assert calls.take("a", NOW) is None
    assert [calls.take("a", NOW + 59) for _ in range(3)] == [None, None, 1]
    assert [calls.take("a", NOW + 60) for _ in range(4)] == [None, None, None, 60]


def test_one_key_uses_nothing_up_for_another() -> None:
    calls = RateLimiter(1)
    assert calls.take("a", NOW) is None
    assert calls.take("a", NOW) == 60
    assert calls.take("b", NOW) is None


def test_asking_while_it_is_used_up_does_not_put_the_end_off() -> None:
    calls = RateLimiter(1)
    assert calls.take("a", NOW) is None
    assert [calls.take("a", NOW + second) for second in range(1, 60)] == list(range(59, 0, -1))
    assert calls.take("a", NOW + 60) is None


def test_refund_gives_one_use_back() -> None:
    calls = RateLimiter(2)
    assert [calls.take("a", NOW) for _ in range(2)] == [None, None]
    calls.refund("a")
    calls.refund("b")
    assert [calls.take("a", NOW) for _ in range(2)] == [None, 60]
    assert "b" not in calls._windows


def test_refund_of_more_than_was_used_allows_no_more_than_the_limit() -> None:
    calls = RateLimiter(1)
    assert calls.take("a", NOW) is None
    calls.refund("a")
    calls.refund("a")
    assert [calls.take("a", NOW) for _ in range(2)] == [None, 60]


def test_more_keys_than_fit_forget_the_one_not_seen_for_longest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_limiter, "_MAX_KEYS", 2)
    calls = RateLimiter(1)
    assert [calls.take(key, NOW) for key in ("a", "b", "a", "c")] == [None, None, 60, None]
    assert len(calls._windows) == 2
    assert calls.take("a", NOW) == 60
    assert calls.take("b", NOW) is None


@given(st.integers(1, 5), st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40))))
def test_never_more_than_allowed_in_a_window_and_the_wait_is_never_zero(
    count: int, calls: list[tuple[str, int]]
) -> None:
    limit, now = RateLimiter(count), NOW
    for key, step in calls:
        now += step
        wait = limit.take(key, now)
        assert wait is None or 1 <= wait <= 60
        if wait is not None:
            assert limit.take(key, now + wait) is None
            limit = RateLimiter(count)


def test_what_is_given_back_can_be_taken_again() -> None:
    calls = RateLimiter(1)
    calls.refund("a")
    assert calls.take("a", NOW) is None
    calls.refund("a")
    assert calls.take("a", NOW) is None
    assert calls.take("a", NOW) == 60


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("cli", "cli"),
        ("", ""),
    ],
)
def test_network_of_an_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_twenty_thousand_keys_are_remembered() -> None:
    calls = RateLimiter(1)
    for number in range(20_001):
        calls.take(str(number), NOW)
    assert len(calls._windows) == 20_000
    assert calls.take("1", NOW) == 60
    assert calls.take("0", NOW) is None  # the one that was forgotten


def test_reset_forgets_every_use() -> None:
    calls = RateLimiter(1)
    assert [calls.take(key, NOW) for key in ("a", "b", "a")] == [None, None, 60]
    calls.reset()
    assert [calls.take(key, NOW) for key in ("a", "b", "a")] == [None, None, 60]


def test_uses_that_were_refused_are_not_counted_so_that_a_refund_allows_one() -> None:
    calls = RateLimiter(1)
    assert [calls.take("a", NOW) for _ in range(9)] == [None, *[60] * 8]
    assert calls._windows["a"] == (NOW, 2)
