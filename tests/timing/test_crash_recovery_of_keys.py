"""`kill -9` at a random moment while requests with idempotency keys run: each makes one thing.

Whether its answer had come or not, each request is repeated after the restart. One that was
answered is answered alike, with the same secret, and no key has made two tokens.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.kit.databases import DATABASES, fresh_database
from tests.kit.dev import DevServer, running_dev

KILLS: Final = max(1, int(os.environ.get("SATMINT_TEST_KILLS", "8")) // 4)
CALLERS: Final = 8
PATH: Final = "/api/project/tokens"
SEED: Final = int(os.environ.get("SATMINT_TEST_SEED", "20261202"))

Answers = dict[str, dict[str, Any] | None]
"""By key, which is also the name of the API token: the answer, None if it was lost."""


async def create(client: httpx.AsyncClient, key: str) -> httpx.Response:
    body = {"name": key, "permissions": ["calling"]}
    return await client.post(PATH, json=body, headers={"Idempotency-Key": f'"{key}"'})


async def create_until_lost(client: httpx.AsyncClient, name: str, answers: Answers) -> None:
    for number in range(100_000):
        key = f"{name}-{number}"
        answers[key] = None
        try:
            answer = await create(client, key)
        except httpx.TransportError:
            return
        if answer.status_code == 503:
            return
        assert answer.status_code == 200, answer.text
        answers[key] = answer.json()


def client_of(server: DevServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server["http"], auth=server.auth, trust_env=False, timeout=60)


@pytest.mark.parametrize("kind", DATABASES[:2])
async def test_a_request_that_was_cut_off_by_a_kill_makes_one_thing_when_it_is_repeated(
    tmp_path: Path, kind: str
) -> None:
    dice, answers = random.Random(SEED), Answers()
    database = await fresh_database(kind, tmp_path)
    for run in range(KILLS):
        with running_dev(tmp_path, "--database", database) as server:
            async with client_of(server) as client:
                asyncio.get_running_loop().call_later(
                    dice.uniform(0.2, 0.6), server.process.send_signal, signal.SIGKILL
                )
                await asyncio.gather(
                    *(
                        create_until_lost(client, f"run{run}-caller{caller}", answers)
                        for caller in range(CALLERS)
                    )
                )
    assert None in answers.values()
    with running_dev(tmp_path, "--database", database) as server:
        async with client_of(server) as client:
            for key, first in answers.items():
                again = await create(client, key)
                assert again.status_code == 200, again.text
                if first is not None:
                    assert again.json() == first
                    assert again.headers["Idempotent-Replayed"] == "true"
            created = await created_tokens(client)
    ours = Counter({subject: count for subject, count in created.items() if count})
    assert set(ours.values()) == {1}
    assert len(ours) == len(answers) + 1  # that of the project


async def created_tokens(client: httpx.AsyncClient) -> Counter[str]:
    """How often the audit trail says that each API token was created."""
    found: Counter[str] = Counter()
    url = "/api/satmint/events?page_size=1000"
    while url:
        page = (await client.get(url)).json()
        found.update(
            event["subject_id"] for event in page["data"] if event["kind"] == "api_token_created"
        )
        url = page["links"].get("next", "")
    return found
