"""Authentication: checks a request's credentials as its operation requires."""

from satmint.flows.callers import CallerAuthenticator
from satmint.flows.service_context import ServiceContext
from satmint.http.call import Call
from satmint.http.operations import Authentication, Operation


class Authenticator:
    """Identifies callers and applies the rate limit of calls."""

    def __init__(self, callers: CallerAuthenticator, services: ServiceContext) -> None:
        self._callers = callers
        self._services = services

    async def authenticate(self, operation: Operation, call: Call) -> None:
        """Set `call.principal`. The operation must not be public.

        Raises:
            Unauthorized: the credentials are not sufficient for the operation.
            RateLimited: the caller exceeded its rate limit.
        """
        authorization = call.headers.get(b"authorization", b"")
        # A lookup in memory identifies a backend that called recently.
        known = self._callers.cached(authorization)
        if known is None or known.permissions.isdisjoint(operation.authentication.permissions):
            await self._identify(operation.authentication, authorization, call)
        else:
            call.principal = known
        if call.principal is not None:
            self._services.limits.count_call(call.principal.rate_limit_key)

    async def _identify(
        self, authentication: Authentication, authorization: bytes, call: Call
    ) -> None:
        callers, address = self._callers, call.origin.address
        scheme = authorization.partition(b" ")[0].lower()
        if authentication.requires_proof:
            in_grace = authentication is Authentication.BOUND_TOKEN_GRACE
            slack = self._services.policy.device_slack_seconds if in_grace else 0
            call.principal = await callers.authenticate_bound_token(authorization, address, slack)
        elif authentication is Authentication.SUBSCRIBER_TOKEN or (
            authentication is Authentication.SUBSCRIBER_OR_API_TOKEN and scheme == b"bearer"
        ):
            call.principal = await callers.authenticate_subscriber_token(authorization, address)
        elif authentication is Authentication.INVITER and scheme in (b"bearer", b"dpop"):
            call.principal = await callers.authenticate_bound_token(authorization, address)
        else:
            call.principal = await callers.authenticate_api_token(
                authorization, authentication.permissions, address
            )
