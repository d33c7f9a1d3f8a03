"""What a server tells `satmint doctor`, which proves that it has the keyring of the deployment."""

from satmint.flows.service_context import ServiceContext
from satmint.jose import answer_challenge
from satmint.model.refusals import Unauthorized


def answer_deployment_challenge(services: ServiceContext, challenge: str, address: str) -> str:
    """The answer to a challenge; see `satmint.jose.deployment_proof`.

    Args:
        services: The context of this process.
        challenge: The challenge; "" if there is none.
        address: The client's IP address, under which failures are counted.

    Raises:
        Unauthorized: it is not a challenge of this deployment, or is too old.
        RateLimited: likewise, and the address exceeds the limit of failures.
    """
    answer = answer_challenge(services.cipher.keyring, challenge, services.clock.now())
    if answer is None:
        if challenge:
            services.limits.count_failure(address)
        raise Unauthorized("bad_credentials" if challenge else "no_credentials")
    return answer
