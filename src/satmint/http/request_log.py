"""Log lines about requests."""

import logging
from dataclasses import dataclass
from time import perf_counter

import structlog

from satmint.http.call import Call, HeaderList
from satmint.http.log_limit import LogRateLimit
from satmint.http.operations import Operation
from satmint.http.request_ids import caller_fields
from satmint.model.refusals import Code

Log = structlog.stdlib.BoundLogger


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal, as logs and metrics tell of it."""

    code: Code
    """The code of the response; the first one, if it has several."""
    cause: str
    route: str
    """The operation's id, or `-`."""
    skew: int | None = None
    """See `Unproven`."""


class RequestLog:
    """Logs responses, changes, failures and refusals."""

    def __init__(self, log: Log | None = None) -> None:
        self._log: Log = log or structlog.get_logger("satmint.http")
        # Computed once: to discard one unwanted line costs about 1 % of a refresh.
        self.logs_responses: bool = self._log.is_enabled_for(logging.DEBUG)
        """Whether callers need to call `log_response`."""
        self._limit = LogRateLimit(perf_counter)

    def log_response(
        self,
        method: str,
        route: str,
        status: int,
        seconds: float,
        request_id: str,
        address: str,
        headers: HeaderList,
    ) -> None:
        """Log a response."""
        self._log.debug(
            "answered",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            request_id=request_id,
            address=address,
            **caller_fields(headers),
        )

    def log_change(self, operation: Operation, call: Call) -> None:
        """Log a successful request that changed something through the management API."""
        self._log.info(
            "management_change",
            route=operation.id,
            project=str(call.caller.project),
            request_id=call.origin.request_id,
            address=call.origin.address,
            **caller_fields(call.header_lines),
        )

    def log_failure(
        self, error: Exception, code: Code, route: str, request_id: str, headers: HeaderList
    ) -> None:
        """Log an unexpected exception, with the code of the response."""
        sent = caller_fields(headers)
        self._log.error(
            "failed", code=code, request_id=request_id, route=route, exc_info=error, **sent
        )

    def log_refusal(
        self,
        refused: Refused,
        request_id: str,
        address: str,
        headers: HeaderList,
        *,
        authenticated: bool,
    ) -> None:
        """Log a refusal; those of unidentified callers only within `LogRateLimit`."""
        # Otherwise, a client without credentials could fill the disk at no cost.
        limited = {} if authenticated else self._limit.admit(address)
        if limited is not None:
            self._log.info(
                "refused",
                code=refused.code,
                cause=refused.cause,
                route=refused.route,
                request_id=request_id,
                address=address,
                **({} if refused.skew is None else {"skew": refused.skew}),
                **limited,
                **caller_fields(headers),
            )
