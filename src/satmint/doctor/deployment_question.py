"""Asks a URL whether a server of this deployment answers there, and what it has seen."""

from dataclasses import dataclass

import msgspec

from satmint.doctor.http_client import Answer, HttpClient
from satmint.http.resources.deployment_check import CHALLENGE, PATH, DeploymentAnswer
from satmint.jose import Keyring, is_answer, new_challenge
from satmint.model.clock import Clock, SystemClock
from satmint.model.entropy import Entropy, SystemEntropy


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    answer: Answer
    deployment: DeploymentAnswer | None
    """None: it is not a server of this deployment, or an earlier version."""


async def ask_deployment(
    client: HttpClient,
    url: str,
    keyring: Keyring,
    *,
    verify: bool = True,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
) -> Reply:
    """Send a challenge, which only a server with this keyring can answer.

    Args:
        client: Sends it.
        url: The base URL, without a slash at the end.
        keyring: The keyring of the deployment.
        verify: See `HttpClient.get`.
        clock: The clock. Default: the system clock.
        entropy: The source of random bytes. Default: the operating system.

    Raises:
        Unreachable: there is no answer.
    """
    now = (clock or SystemClock()).now()
    challenge = new_challenge(keyring, entropy or SystemEntropy(), now)
    headers = {CHALLENGE.decode("ascii"): challenge}
    answer = await client.get(f"{url}{PATH}", headers, verify=verify)
    try:
        found = msgspec.json.decode(answer.body, type=DeploymentAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Reply(answer, None)
    return Reply(answer, found if is_answer(keyring, challenge, found.proof) else None)
