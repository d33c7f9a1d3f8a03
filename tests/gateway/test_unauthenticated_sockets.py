"""How many sockets of one network may be open without valid credentials."""

import pytest

from satmint.gateway import Limits
from satmint.gateway.unauthenticated import UnauthenticatedSockets


@pytest.mark.parametrize(
    ("per_address", "connections", "allowed"),
    [
        (40, 1000, 20),  # half of an address's share
        (4, 1000, 10),  # at least ten
        (40, 20, 10),  # ten, if they are half of all connections
        (40, 24, 12),
    ],
)
def test_network_may_open_so_many_and_no_more(
    per_address: int, connections: int, allowed: int
) -> None:
    sockets = UnauthenticatedSockets(Limits(per_address=per_address, connections=connections))
    for number in range(allowed):
        assert not sockets.limit_reached("192.0.2.1")
        sockets.add(number, "192.0.2.1")
    assert sockets.limit_reached("192.0.2.1")
    assert not sockets.limit_reached("192.0.2.2")
    sockets.discard(0)
    sockets.discard(0)
    assert 0 not in sockets
    assert not sockets.limit_reached("192.0.2.1")
