"""Responses for injected refusals: those of this server, or those of a proxy in front of it."""

from http import HTTPStatus
from typing import Final

from satmint.control.faults import InjectedFault
from satmint.http.call import Response
from satmint.http.statuses import plain_error, refusal_response
from satmint.model.refusals import Code, RateLimited

SERVER_STATUSES: Final = frozenset({429, 500, 503})
"""Statuses of this server's own responses."""
PROXY_STATUSES: Final = frozenset({502, 504})
"""Statuses that a proxy in front of the server sends, with an HTML body."""
STATUSES: Final = SERVER_STATUSES | PROXY_STATUSES

_RETRY_SECONDS: Final = 1
_HTML: Final = (b"content-type", b"text/html")


def fault_response(fault: InjectedFault, errors_url: str) -> Response:
    """Return the response to a request that `fault` refuses."""
    status = HTTPStatus(fault.status or 500)
    retry_after = fault.retry_after
    retry = () if retry_after is None else ((b"retry-after", b"%d" % retry_after),)
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            refused = RateLimited(_RETRY_SECONDS if retry_after is None else retry_after)
            return refusal_response(refused, errors_url)
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return plain_error(Code.UNAVAILABLE, retry or ((b"retry-after", b"1"),))
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            return plain_error(Code.INTERNAL, retry)
        case _:
            title = f"{status.value} {status.phrase}"
            body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
            return Response(status.value, body.encode(), (_HTML, *retry))
