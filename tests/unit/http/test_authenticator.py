"""Which credentials are checked for which operation, and what is counted of a caller."""

from typing import Any, Final, cast
from uuid import UUID

import pytest

from satmint.flows.callers import ApiTokenCaller, CallerAuthenticator
from satmint.flows.policy import Policy
from satmint.http.authenticator import Authenticator
from satmint.http.call import Call, Response
from satmint.http.operations import Authentication, HandlerContext
from satmint.model.events import Origin
from satmint.model.permissions import FABRIC, INTROSPECTION, MANAGEMENT, VENDOR, Permission
from tests.kit.one_operation import one_operation

ADDRESS: Final = "192.0.2.7"
SLACK: Final = 300
FOUND: Final = ApiTokenCaller(UUID(int=1), UUID(int=2), FABRIC)


class Callers:
    """Lets everybody in, and notes how; see `CallerAuthenticator`."""

    def __init__(self, known: ApiTokenCaller | None = None) -> None:
        self.known = known
        self.asked: list[tuple[object, ...]] = []

    def cached(self, _authorization: bytes) -> ApiTokenCaller | None:
        return self.known

    async def authenticate_api_token(self, *arguments: object) -> ApiTokenCaller:
        self.asked.append(("api token", *arguments))
        return FOUND

    async def authenticate_subscriber_token(self, *arguments: object) -> ApiTokenCaller:
        self.asked.append(("subscriber token", *arguments))
        return FOUND

    async def authenticate_bound_token(
        self, authorization: bytes, address: str, slack: int = 0
    ) -> ApiTokenCaller:
        self.asked.append(("bound token", authorization, address, slack))
        return FOUND


class Services:
    """The policy, and the calls that are counted; see `ServiceContext`."""

    def __init__(self) -> None:
        self.policy = Policy(device_slack_seconds=SLACK)
        self.limits = self
        self.counted: list[UUID] = []

    def count_call(self, key: UUID) -> None:
        self.counted.append(key)


async def handler(_context: HandlerContext, _call: Call) -> Response:
    return Response(204)


async def authenticated(
    callers: Callers, authentication: Authentication, authorization: bytes
) -> tuple[Call, list[UUID]]:
    """A call that was let in, and what was counted."""
    services: Any = Services()
    operation = one_operation(handler, authentication)
    headers = {b"authorization": authorization} if authorization else {}
    call = Call({}, b"", Origin("id-1", ADDRESS, "suite"), headers)
    await Authenticator(cast("CallerAuthenticator", callers), services).authenticate(
        operation, call
    )
    return call, services.counted


BASIC: Final = b"Basic eA=="
BEARER: Final = b"bearer a.b"
DPOP: Final = b"DPoP a.b"


def by_api_token(authorization: bytes, permissions: frozenset[Permission]) -> tuple[object, ...]:
    return "api token", authorization, permissions, ADDRESS


def by_sat(authorization: bytes) -> tuple[object, ...]:
    return "subscriber token", authorization, ADDRESS


def by_bound_sat(authorization: bytes, slack: int = 0) -> tuple[object, ...]:
    return "bound token", authorization, ADDRESS, slack


@pytest.mark.parametrize(
    ("authentication", "authorization", "asked"),
    [
        (Authentication.API_TOKEN, BASIC, by_api_token(BASIC, FABRIC)),
        (Authentication.API_TOKEN, BEARER, by_api_token(BEARER, FABRIC)),
        (Authentication.API_TOKEN, b"", by_api_token(b"", FABRIC)),
        (Authentication.API_TOKEN_ANY, BEARER, by_api_token(BEARER, VENDOR)),
        (Authentication.API_TOKEN_INTROSPECT, DPOP, by_api_token(DPOP, INTROSPECTION)),
        (Authentication.API_TOKEN_MANAGEMENT, BASIC, by_api_token(BASIC, MANAGEMENT)),
        (Authentication.SUBSCRIBER_TOKEN, BEARER, by_sat(BEARER)),
        (Authentication.SUBSCRIBER_TOKEN, BASIC, by_sat(BASIC)),
        (Authentication.SUBSCRIBER_OR_API_TOKEN, BEARER, by_sat(BEARER)),
        (Authentication.SUBSCRIBER_OR_API_TOKEN, BASIC, by_api_token(BASIC, FABRIC)),
        (Authentication.SUBSCRIBER_OR_API_TOKEN, DPOP, by_api_token(DPOP, FABRIC)),
        (Authentication.BOUND_TOKEN, BEARER, by_bound_sat(BEARER)),
        (Authentication.BOUND_TOKEN, DPOP, by_bound_sat(DPOP)),
        (Authentication.BOUND_TOKEN, b"", by_bound_sat(b"")),
        (Authentication.BOUND_TOKEN_GRACE, DPOP, by_bound_sat(DPOP, SLACK)),
        (Authentication.INVITER, BEARER, by_bound_sat(BEARER)),
        (Authentication.INVITER, DPOP, by_bound_sat(DPOP)),
        (Authentication.INVITER, BASIC, by_api_token(BASIC, FABRIC)),
    ],
)
async def test_credentials_are_checked_as_the_operation_requires(
    authentication: Authentication, authorization: bytes, asked: tuple[object, ...]
) -> None:
    callers = Callers()
    call, counted = await authenticated(callers, authentication, authorization)
    assert callers.asked == [asked]
    assert call.principal is FOUND
    assert counted == [FOUND.rate_limit_key]


async def test_backend_that_called_recently_is_not_looked_up_again() -> None:
    known = ApiTokenCaller(UUID(int=3), UUID(int=4), frozenset({Permission.VIDEO}))
    callers = Callers(known)
    call, counted = await authenticated(callers, Authentication.API_TOKEN, BASIC)
    assert callers.asked == []
    assert call.principal is known
    assert counted == [UUID(int=3)]


async def test_backend_without_a_permission_is_looked_up_however_recently_it_called() -> None:
    known = ApiTokenCaller(UUID(int=3), UUID(int=4), frozenset({Permission.VIDEO}))
    callers = Callers(known)
    call, _ = await authenticated(callers, Authentication.API_TOKEN_MANAGEMENT, BASIC)
    assert callers.asked == [by_api_token(BASIC, MANAGEMENT)]
    assert call.principal is FOUND
