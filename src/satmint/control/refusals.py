"""What a fault refuses with: as this server would, or as a proxy in front of it."""

from http import HTTPStatus
from typing import Final

from satmint.control.faults import Fault
from satmint.http.messages import Response
from satmint.http.statuses import plain_error, refusal_response
from satmint.model.refusals import Code, RateLimited

OURS: Final = frozenset({429, 500, 503})
"""Statuses that this server answers with."""
PROXYS: Final = frozenset({502, 504})
"""Statuses that come from what stands before a server, in HTML."""
STATUSES: Final = OURS | PROXYS

_RETRY_SECONDS: Final = 1
_HTML: Final = (b"content-type", b"text/html")


def refusal_of(fault: Fault, errors_url: str) -> Response:
    """The answer to a request that met `fault`."""
    status = HTTPStatus(fault.status or 500)
    asked = fault.retry_after
    retry = () if asked is None else ((b"retry-after", b"%d" % asked),)
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            refused = RateLimited(_RETRY_SECONDS if asked is None else asked)
            return refusal_response(refused, errors_url)
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return plain_error(Code.UNAVAILABLE, retry or ((b"retry-after", b"1"),))
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            return plain_error(Code.INTERNAL, retry)
        case _:
            title = f"{status.value} {status.phrase}"
            body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
            return Response(status.value, body.encode(), (_HTML, *retry))
