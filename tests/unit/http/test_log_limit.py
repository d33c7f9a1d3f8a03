"""How often a stranger can have a line written."""

from satmint.http.log_limit import LogRateLimit


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_one_network_has_ten_lines_a_second_and_the_rest_is_counted() -> None:
    clock = Clock()
    limit = LogRateLimit(clock)
    assert [limit.admit("192.0.2.1") for _ in range(12)] == [{}] * 10 + [None] * 2
    assert limit.admit("192.0.2.2") == {"suppressed": 2}
    clock.now += 1
    assert limit.admit("192.0.2.1") == {}


def test_all_networks_together_have_a_hundred() -> None:
    limit = LogRateLimit(Clock())
    admitted = [limit.admit(f"192.0.2.{number}") for number in range(150)]
    assert admitted == [{}] * 100 + [None] * 50


def test_addresses_of_one_ipv6_network_are_one() -> None:
    limit = LogRateLimit(Clock())
    assert [limit.admit(f"2001:db8::{number}") for number in range(11)] == [{}] * 10 + [None]
