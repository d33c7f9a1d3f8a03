"""What connections send where that must be made beforehand: proofs, SATs, tokens of old sessions.

Making a proof takes a browser's key longer than checking it takes a server, so none is made while
anything is measured.
"""

import itertools
import json
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from http.client import HTTPConnection
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from tests.kit.proofs import Signer

from benchmarks.running import DEVICE_PATH, ISSUE_PATH, ConnectionPlan, Running, Supply, WrongAnswer
from satmint.model.clock import SystemClock

_MAKERS: Final = 2
_NEW: Final = itertools.count()
"""Numbers subscribers that no server has seen."""
_ALGORITHM: Final = "RS256"
"""What the vendor's browser SDK signs with."""


def plans_for(
    server: Running, operation: str, connections: int, requests: int
) -> list[ConnectionPlan]:
    """What each of some connections sends in an operation that is no chain.

    Args:
        server: Who is going to be asked.
        operation: One of its routes.
        connections: How many plans.
        requests: How many requests there must be enough for, altogether.
    """
    route = server.routes[operation]
    count = -(-requests // connections)
    if route.supply is Supply.ONCE and route.path == DEVICE_PATH:
        return _proofs(server, connections, count)
    if route.supply is Supply.ONCE:
        return [
            ConnectionPlan([f"new-{next(_NEW)}@example.com" for _ in range(count)])
            for _ in range(connections)
        ]
    if route.method == "GET":
        return [
            ConnectionPlan([""], f"Bearer {_sign_in(server, {'reference': f'user-{number}-0'})}")
            for number in range(connections)
        ]
    return [ConnectionPlan([""])] * connections


def _proofs(server: Running, connections: int, count: int) -> list[ConnectionPlan]:
    """Client Bound SATs, each with proofs of its own key."""
    orders = []
    for number, pem in enumerate(keys(connections)):
        signer = signer_of(pem)
        wanted = {
            "reference": f"user-{number}-0",
            "scope": "sat:refresh",
            "fingerprint": signer.jkt,
        }
        orders.append((pem, _sign_in(server, wanted), count))
    with ProcessPoolExecutor(_MAKERS) as makers:
        return list(makers.map(_plan_of_proofs, orders))


def _plan_of_proofs(order: tuple[bytes, str, int]) -> ConnectionPlan:
    pem, sat, count = order
    signer, now = signer_of(pem), SystemClock().now()
    proofs = [signer.http_proof(DEVICE_PATH, sat, iat=now) for _ in range(count)]
    return ConnectionPlan(proofs, f"Bearer {sat}")


@cache
def keys(count: int) -> list[bytes]:
    """Keys of as many browsers, made once for all of a run."""
    with ProcessPoolExecutor(_MAKERS) as makers:
        return list(makers.map(_key, range(count)))


def _key(_number: int) -> bytes:
    private = Signer.generate(_ALGORITHM).private
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signer_of(pem: bytes) -> Signer:
    """What signs with a key."""
    private: Any = load_pem_private_key(pem, None)
    return Signer(_ALGORITHM, private)


def _sign_in(server: Running, wanted: dict[str, str]) -> str:
    """A fresh SAT.

    Raises:
        WrongAnswer: it is refused.
    """
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Authorization": server.authorization, "Content-Type": "application/json"}
    try:
        connection.request("POST", ISSUE_PATH, json.dumps(wanted), headers)
        answer = connection.getresponse()
        body = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise WrongAnswer(f"{server.name} did not sign anybody in: {body}")
    return str(json.loads(body)["token"])
