"""Which hosts are this machine or an address, so that no name was rebound to it."""

import pytest

from satmint.http.local_addresses import is_address, is_this_machine


@pytest.mark.parametrize(
    ("authority", "this_machine", "address"),
    [
        ("localhost", True, False),
        ("LOCALHOST:9464", True, False),
        ("admin.localhost:9464", True, False),
        ("127.0.0.1", True, True),
        ("127.0.0.1:9464", True, True),
        ("[::1]:9464", True, True),
        ("192.0.2.7", False, True),
        ("192.0.2.7:9464", False, True),
        ("[2001:DB8::1]:9464", False, True),
        ("mint.example", False, False),
        ("localhost.example", False, False),
        ("127.0.0.1.example", False, False),
        ("127.0.0.1:x", False, False),
        ("127.0.0.1:123456", False, False),
        ("", False, False),
    ],
)
def test_host_is_recognized(authority: str, this_machine: bool, address: bool) -> None:
    assert is_this_machine(authority) is this_machine
    assert is_address(authority) is address
