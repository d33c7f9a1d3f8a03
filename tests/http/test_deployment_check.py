"""`/deploymentz`: a server proves to `satmint doctor` that it has the keyring."""

from satmint import __version__
from satmint.http.resources.deployment_check import PATH
from satmint.jose import Keyring, is_answer, new_challenge
from satmint.model.entropy import SystemEntropy
from tests.kit.service import Server

ENTROPY = SystemEntropy()


async def test_it_answers_a_challenge_and_tells_what_it_saw(server: Server) -> None:
    keyring, now = server.services.cipher.keyring, server.services.clock.now()
    challenge = new_challenge(keyring, ENTROPY, now)
    answer = await server.client.get(PATH, headers={"Satmint-Challenge": challenge})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert is_answer(keyring, challenge, told["proof"])
    assert told["version"] == __version__
    assert told["peer"] == told["client"]
    assert told["forwarded_for"] is None
    assert told["open_files"] != 0


async def test_nobody_else_is_told_anything(server: Server) -> None:
    now = server.services.clock.now()
    other = Keyring.new(ENTROPY, now)
    mine = server.services.cipher.keyring
    for challenge in (
        new_challenge(other, ENTROPY, now),
        new_challenge(mine, ENTROPY, now - 3600),
        "nonsense",
    ):
        answer = await server.client.get(PATH, headers={"Satmint-Challenge": challenge})
        assert answer.status_code == 401
        assert answer.json() == {"error": "Unauthorized"}
    assert (await server.client.get(PATH)).status_code == 401


async def test_guesses_are_limited(server: Server) -> None:
    statuses = {
        (await server.client.get(PATH, headers={"Satmint-Challenge": "guess"})).status_code
        for _ in range(server.services.policy.failures_per_minute + 2)
    }
    assert statuses == {401, 429}
