"""What `satmint doctor` asks a server through the public URL."""

import resource
from typing import Final

import msgspec

from satmint import __version__
from satmint.flows.deployment_check import answer_deployment_challenge
from satmint.http.call import NO_STORE, Call, Response, json_response
from satmint.http.operations import Authentication, HandlerContext, Operation

PATH: Final = "/deploymentz"
CHALLENGE: Final = b"satmint-challenge"
"""The header field with the challenge; see `satmint.jose.deployment_proof`."""


class DeploymentAnswer(msgspec.Struct, frozen=True):
    """What a server tells about itself and about the request."""

    proof: str
    """The answer to the challenge."""
    version: str
    peer: str
    """The IP address at the other end of the connection: a proxy's, if there is one."""
    client: str
    """The IP address of the client, as limits and audit events have it."""
    forwarded_for: str | None
    """The field `X-Forwarded-For` as received; None if there is none."""
    open_files: int
    """How many files the process may open; -1: any number."""


async def _check(context: HandlerContext, call: Call) -> Response:
    challenge = call.headers.get(CHALLENGE, b"").decode("latin-1")
    proof = answer_deployment_challenge(context.services, challenge, call.origin.address)
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    forwarded = ", ".join(call.header_values(b"x-forwarded-for"))
    answer = DeploymentAnswer(
        proof=proof,
        version=__version__,
        peer=call.peer,
        client=call.origin.address,
        forwarded_for=forwarded or None,
        open_files=-1 if files == resource.RLIM_INFINITY else files,
    )
    return json_response(200, answer, (NO_STORE,))


OPERATIONS: Final = (
    Operation(
        id="check-deployment",
        method="GET",
        path=PATH,
        tag="Health",
        summary="Answer a challenge of `satmint doctor`",
        authentication=Authentication.PUBLIC,
        handler=_check,
        documented=False,
    ),
)
