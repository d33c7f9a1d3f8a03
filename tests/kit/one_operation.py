"""An API of one operation, `GET /one`, whose handler a test gives."""

from collections.abc import Awaitable, Callable

from satmint.http.call import Call
from satmint.http.operations import Authentication, HandlerContext, Operation

Handler = Callable[[HandlerContext, Call], Awaitable[object]]


def one_operation(
    handler: Handler, authentication: Authentication = Authentication.PUBLIC
) -> Operation:
    """The operation, by default open to anyone."""
    return Operation(
        id="one",
        method="GET",
        path="/one",
        tag="One",
        summary="One",
        authentication=authentication,
        handler=handler,
    )
