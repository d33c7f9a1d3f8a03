"""Strict projects: RFC 9449 to the letter, with full URLs and nonces (sections 8 and 9)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from tests.http.device_answers import PATHS, refused
from tests.kit.clock import NOW
from tests.kit.devices import TOKEN, Browser, a_browser, a_seen_browser
from tests.kit.entropy import SeededEntropy
from tests.kit.proofs import Signer
from tests.kit.service import BASE_URL, a_service, said

NOBODY: Final = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Browser]:
    """Of a server that is strict with everybody."""
    async with a_service(tmp_path, strict_proofs=["*"]) as server:
        yield await a_seen_browser(server)


def of(browser: Browser, path: str = TOKEN, **changes: Any) -> str:  # noqa: ANN401
    """A proof as a strict project wants it, but for the nonce."""
    return browser.proof(f"{BASE_URL}{path}", browser.token, **changes)


async def nonce_of(browser: Browser) -> str:
    answer = await browser.activate(proof=of(browser))
    refused(answer, "proof_nonce", "use_dpop_nonce")
    return str(answer.headers["dpop-nonce"])


async def test_a_strict_project_wants_a_nonce_and_hands_it_out(strict: Browser) -> None:
    server = strict.server
    before = await server.rows()
    nonce = await nonce_of(strict)
    assert await server.rows() == before
    for path in PATHS:
        answer = await strict.send(path, strict.token, of(strict, path, nonce=nonce))
        said(answer, 201)
        assert answer.headers["dpop-nonce"] == nonce


async def test_a_strict_project_takes_no_bare_path(strict: Browser) -> None:
    nonce = await nonce_of(strict)
    answer = await strict.activate(proof=strict.proof(TOKEN, strict.token, nonce=nonce))
    refused(answer, "proof_target")
    assert answer.headers["dpop-nonce"] == nonce


async def test_every_refusal_of_a_strict_project_hands_out_the_nonce(strict: Browser) -> None:
    nonce = await nonce_of(strict)
    thief = replace(strict, signer=Signer.generate())
    used = of(strict, nonce=nonce)
    said(await strict.activate(proof=used), 201)
    for answer, cause in (
        (await strict.send(TOKEN, strict.token), "proof_missing"),
        (await strict.activate(proof="x"), "proof_malformed"),
        (await thief.activate(proof=of(thief, nonce=nonce)), "key_mismatch"),
        (await strict.activate(proof=used, expire_in=60), "proof_replayed"),
    ):
        refused(answer, cause)
        assert answer.headers["dpop-nonce"] == nonce


@pytest.mark.parametrize("nonce", ["", "x", "A" * 24, None, 1, ["x"]])
async def test_a_nonce_that_is_none_of_ours(strict: Browser, nonce: object) -> None:
    before = await strict.server.rows()
    answer = await strict.activate(proof=of(strict, nonce=nonce))
    refused(answer, "proof_nonce", "use_dpop_nonce")
    assert await strict.server.rows() == before


async def test_a_nonce_of_long_ago(strict: Browser) -> None:
    nonce = await nonce_of(strict)
    strict.server.clock.advance(100)
    said(await strict.activate(proof=of(strict, nonce=nonce)), 201)
    strict.server.clock.advance(300)
    answer = await strict.activate(proof=of(strict, nonce=nonce))
    refused(answer, "proof_nonce", "use_dpop_nonce")
    fresh = answer.headers["dpop-nonce"]
    assert fresh != nonce
    said(await strict.activate(proof=of(strict, nonce=fresh)), 201)


async def test_a_nonce_outlives_the_rotation_of_the_keyring(strict: Browser) -> None:
    cipher = strict.server.services.cipher
    before = cipher.keyring
    nonce = await nonce_of(strict)
    cipher.reload(before.rotate(SeededEntropy("rotation"), NOW))
    answer = await strict.activate(proof=of(strict, nonce=nonce))
    said(answer, 201)
    newer = answer.headers["dpop-nonce"]
    assert newer != nonce
    said(await strict.activate(proof=of(strict, nonce=newer)), 201)
    # Forgotten is forgotten: what the retired key made is no longer known.
    cipher.reload(cipher.keyring.remove(before.active.id))
    fresh = await strict.server.sign_in("alice", scope="sat:refresh", fingerprint=strict.signer.jkt)
    again = replace(strict, token=fresh["token"])
    refused(await again.activate(proof=of(again, nonce=nonce)), "proof_nonce", "use_dpop_nonce")
    said(await again.activate(proof=of(again, nonce=newer)), 201)


async def test_one_project_is_strict_and_another_is_not(tmp_path: Path) -> None:
    async with a_service(tmp_path / "", strict_proofs=[NOBODY]) as server:
        browser = await a_browser(server)
        answer = await browser.activate()
        said(answer, 201)
        assert "dpop-nonce" not in answer.headers
        policy = server.services.policy
        server.services.policy = replace(policy, strict_proofs=frozenset({server.tenant.id}))
        refused(await browser.activate(), "proof_target")


async def test_a_lost_answer_is_had_again_from_a_strict_project_as_well(strict: Browser) -> None:
    proof = of(strict, nonce=await nonce_of(strict))
    answers = [said(await strict.activate(proof=proof), 201) for _ in range(3)]
    assert len({strict.server.claims(answer["token"]).jti for answer in answers}) == 1
