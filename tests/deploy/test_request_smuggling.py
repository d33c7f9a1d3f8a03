"""Behind each proxy, every caller gets its own answers while others send smuggling attempts.

`python -m tests.deploy.smuggling_soak` does the same for longer.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.smuggling_soak import CHAINS, ChainConfig
from tests.kit.checked_caller import ADDRESS
from tests.kit.confusing_relay import confusing_relay
from tests.kit.proxies import NAME, NGINX, ProxyMissing
from tests.kit.proxy_chain import Chain, running_chain, try_chain
from tests.kit.smuggling import SPOOFED
from tests.kit.wire import ISSUE

ANSWERS = 3000
SECONDS = 60
BODY = b'{"reference":"ada"}'
CHUNKS = b"%x\r\n%b\r\n0\r\n" % (len(BODY), BODY)
LENGTH = f"content-length: {len(BODY)}\r\n"
CHUNKED = "transfer-encoding: chunked\r\n"


@pytest.fixture(scope="module", params=CHAINS, ids=str)
def chain(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chain]:
    config: ChainConfig = request.param
    try:
        config.proxy.program()
    except ProxyMissing as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("chain")
    with running_chain(config.proxy, folder, config.example()) as chain:
        yield chain


async def test_no_caller_gets_an_answer_to_another(chain: Chain) -> None:
    outcome = await try_chain(chain, ANSWERS, SECONDS)
    tally = outcome.tally
    assert (tally.wrong, tally.lost, tally.examples) == (0, 0, [])
    assert tally.answers >= ANSWERS
    assert set(tally.statuses) == {200, 201}
    assert outcome.sent.attempts > 50
    assert outcome.sent.tokens == 0
    events = await asyncio.to_thread(list, chain.events())
    assert {event["address"] for event in events if event["kind"] == "refreshed"} == {ADDRESS}
    assert SPOOFED not in {event["address"] for event in events}


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (f"x-forwarded-for: {SPOOFED}\r\n{LENGTH}", BODY),
        (f"x-forwarded-for: {SPOOFED}\r\nx-forwarded-for: 127.0.0.1\r\n{LENGTH}", BODY),
        (f"x-forwarded-for: {SPOOFED}, 127.0.0.1\r\n{LENGTH}", BODY),
        (f"x_forwarded_for: {SPOOFED}\r\n{LENGTH}", BODY),
        (f"forwarded: for={SPOOFED}\r\nx-real-ip: {SPOOFED}\r\n{LENGTH}", BODY),
        (f"connection: x-forwarded-for\r\nx-forwarded-for: {SPOOFED}\r\n{LENGTH}", BODY),
        (CHUNKED, CHUNKS + f"x-forwarded-for: {SPOOFED}\r\n".encode() + b"\r\n"),
        (
            f"te: trailers\r\ntrailer: x-forwarded-for\r\n{CHUNKED}",
            CHUNKS + f"x-forwarded-for: {SPOOFED}\r\n".encode() + b"\r\n",
        ),
    ],
    ids=["header", "two", "list", "underscores", "Forwarded", "Connection", "trailer", "announced"],
)
async def test_caller_does_not_choose_the_address_in_the_audit_trail(
    chain: Chain, head: str, body: bytes
) -> None:
    request = (
        f"POST {ISSUE} HTTP/1.1\r\nhost: {NAME}\r\nauthorization: {chain.basic}\r\n"
        f"content-type: application/json\r\nconnection: close\r\n{head}\r\n"
    )
    answer = await answer_to(chain, request.encode() + body)
    assert answer.startswith(b"HTTP/1.1 200 ")
    lines = answer.split(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    request_id = next(line[14:] for line in lines if line.startswith("x-request-id: "))
    events = await asyncio.to_thread(list, chain.events())
    (event,) = (event for event in events if event["request_id"] == request_id)
    assert (event["kind"], event["address"]) == ("issued", ADDRESS)


async def answer_to(chain: Chain, request: bytes) -> bytes:
    """What one connection to the proxy brings, until it is closed."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", chain.port, ssl=chain.trust, server_hostname=NAME, local_addr=(ADDRESS, 0)
    )
    writer.write(request)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.transport.abort()
    return answer


async def test_answers_of_others_would_be_seen(tmp_path: Path) -> None:
    try:
        NGINX.program()
    except ProxyMissing as missing:
        pytest.skip(str(missing))
    with running_chain(NGINX, tmp_path, between=confusing_relay) as chain:
        outcome = await try_chain(chain, 100_000, 10, until_wrong=True)
    assert outcome.tally.wrong > 0
