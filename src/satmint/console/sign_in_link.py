"""The link that signs in the operator, and the way to it from a development server's pages."""

from satmint.console.request import ROOT, link
from satmint.console.session import Seals
from satmint.http.call import NO_STORE, Call, Response
from satmint.http.operations import HandlerContext, Operation
from satmint.http.resources.pages import is_local_browser, page_operation
from satmint.model.clock import Clock
from satmint.model.refusals import NotFound


def sign_in_link(seals: Seals, admin_url: str, now: int) -> str:
    """A URL that signs in the operator once, within a minute.

    Args:
        seals: Seals the code.
        admin_url: The URL of the admin listener, without a slash at the end.
        now: Unix seconds.
    """
    return link(f"{admin_url}{ROOT}", code=seals.new_code(now))


def development_operations(seals: Seals, admin_url: str, clock: Clock) -> tuple[Operation, ...]:
    """`/console` on the public listener of a development server, which leads to the console.

    It signs in browsers of this machine, to which the start page shows the credentials, too.
    """

    async def lead(context: HandlerContext, call: Call) -> Response:  # noqa: ARG001 - a handler
        if not is_local_browser(call):
            raise NotFound("not_local")
        location = sign_in_link(seals, admin_url, clock.now()).encode("ascii")
        return Response(
            303, b"", ((b"location", location), (b"referrer-policy", b"no-referrer"), NO_STORE)
        )

    return (page_operation("console-link", ROOT, "The console", lead),)
