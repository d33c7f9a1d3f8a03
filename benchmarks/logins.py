"""What browsers connect to the gateway with: SATs of sessions that are in the store already."""

from pathlib import Path
from typing import Final

import msgspec

from benchmarks.browser import Login
from benchmarks.connection_plans import keys, signer_of
from benchmarks.filling import fill, sats_of
from benchmarks.running import Running
from satmint.model.clock import SystemClock

_KEYS: Final = 32
"""Keys of browsers: making one takes longer than all that is measured with it."""
_CONNECT: Final = "signalwire.connect"


def write_logins(server: Running, count: int, file: Path) -> None:
    """Put sessions into the store of a satmint that is empty, and keep a login for each.

    Args:
        server: The server.
        count: How many.
        file: Where the logins go.
    """
    fill(server, count, seen=True)  # by GET info, which the SDK asks for first
    now = SystemClock().now()
    proofs = [signer_of(pem).rpc_proof(_CONNECT, iat=now) for pem in keys(_KEYS)]
    logins = [
        Login(sat, proofs[number % _KEYS]) for number, sat in enumerate(sats_of(server, count))
    ]
    file.write_bytes(msgspec.json.encode(logins))


def read_logins(file: str) -> list[Login]:
    """The logins in a file."""
    return msgspec.json.decode(Path(file).read_bytes(), type=list[Login])
