"""How the endpoints of Client Bound SAT say no."""

from typing import Final

import httpx

from tests.http.answer_contract import ALGS, plain
from tests.kit.devices import REFRESH, TOKEN

PATHS: Final = (TOKEN, REFRESH)


def refused(answer: httpx.Response, cause: str, error: str = "invalid_dpop_proof") -> None:
    """The answer says which check a proof did not stand, and nothing else."""
    plain(answer, 401)
    assert answer.headers["www-authenticate"] == f'DPoP error="{error}", {ALGS}'
    assert answer.headers["x-satmint-cause"].partition(";")[0] == cause


def not_good(answer: httpx.Response) -> None:
    """The answer says that the SAT is not good now, and nothing of any proof."""
    plain(answer, 401)
    assert answer.headers["www-authenticate"] == f'Bearer realm="satmint", DPoP {ALGS}'
    assert "x-satmint-cause" not in answer.headers


def other_than(path: str) -> str:
    """The other endpoint."""
    return TOKEN if path == REFRESH else REFRESH
