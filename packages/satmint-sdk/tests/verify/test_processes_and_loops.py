"""A verifier in forked children, in several event loops, and without an answer or a client."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator

import pytest

from kit.raw_server import raw_server, silent
from kit.server import Live
from kit.verifying import token_of, wait_until
from satmint_sdk.credentials import DPoPKey
from satmint_sdk.rest import AsyncRestClient, RequestOptions, RestClient
from satmint_sdk.verify import AsyncVerifier, CannotVerify, Verifier, _proofs
from satmint_sdk.verify._replays import MemoryUsedProofs


def in_a_child(work: Callable[[], object]) -> str:
    """What `work` returns, or the error that it raises, in a process forked off this one."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the feed's thread: Python 3.12
        child = os.fork()
    if child == 0:
        try:
            said = str(work())
        except BaseException as error:  # noqa: BLE001 - it is what is asked for
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.fixture
def token(live: Live) -> Iterator[str]:
    with live.client() as client:
        yield client.fabric.tokens.create_subscriber_token(reference="forked")["token"]


def test_forked_child_begins_anew_and_follows_the_feed_itself(live: Live, token: str) -> None:
    with live.client() as client, Verifier(client) as verifier:
        wait_until(lambda: verifier.state.feed.is_current, "the feed")
        verifier.verify(token)

        def in_child() -> str:
            before = verifier.state
            verifier.verify(token)
            wait_until(lambda: verifier.state.feed.is_current, "the child's own feed")
            verifier.verify(token)
            verifier.verify(token)
            hits = verifier.state.answers.hits
            verifier.close()
            return f"{before.answers.kept} {before.feed.is_current} {hits >= 1}"

        assert in_a_child(in_child) == "0 False True"
        assert verifier.state.feed.is_current
        before = verifier.state.answers.hits
        verifier.verify(token)
        assert verifier.state.answers.hits == before + 1


def test_forked_child_of_an_async_verifier_begins_anew(live: Live, token: str) -> None:
    with asyncio.Runner() as runner:
        client = live.async_client()
        verifier = AsyncVerifier(client)
        runner.run(verifier.verify(token))
        wait_until(lambda: verifier.state.feed.is_current, "the feed")

        def in_child() -> str:
            async def verify() -> str:
                kept = verifier.state.answers.kept
                subscriber = (await verifier.verify(token)).subscriber
                await verifier.close()
                return f"{kept} {len(subscriber)}"

            return asyncio.run(verify())

        assert in_a_child(in_child) == "0 36"
        runner.run(verifier.close())
        runner.run(client.close())


def test_forked_child_verifies_proofs_whatever_other_threads_did(live: Live) -> None:
    key = DPoPKey.generate()
    request = {"method": "GET", "url": "https://api.example.com/"}
    with live.client() as client, Verifier(client) as verifier:
        made = client.fabric.tokens.create_subscriber_token(
            reference="forked", scope="sat:refresh", fingerprint=key.thumbprint
        )
        token = made["token"]

        def verify() -> str:
            proof = key.http_proof("GET", request["url"], access_token=token)
            return verifier.verify(token, proof=proof, **request).session

        def verify_in_child() -> str:
            signal.alarm(60)  # a lock that stays locked ends the child
            session = verify()
            verifier.close()
            return session

        session = verify()
        used = verifier._used
        assert isinstance(used, MemoryUsedProofs)
        for lock in (used._lock, _proofs._cached_keys._lock):
            with lock:  # as another thread would at the fork
                assert in_a_child(verify_in_child) == session


def test_event_loops_share_what_is_kept(live: Live, token: str) -> None:
    client = live.async_client()
    verifier = AsyncVerifier(client)
    verifier.start()
    wait_until(lambda: verifier.state.feed.is_current, "the feed")

    async def verify() -> str:
        try:
            return (await verifier.verify(token)).session
        finally:
            await client._driver.leave_loop()

    sessions = {asyncio.run(verify()) for _ in range(3)}
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(asyncio.run(verify()))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {*found} == sessions
    assert verifier.state.answers.hits == 5
    asyncio.run(verifier.close())


def test_verifier_that_nobody_uses_any_more_stops_following(live: Live) -> None:
    with live.client() as client:
        kept = [Verifier(client)]
        kept[0].start()
        wait_until(lambda: kept[0].state.feed.is_current, "the feed")
        thread, gone = kept[0]._feed._thread, weakref.ref(kept[0])
        assert thread is not None
        kept.clear()
        gc.collect()
        assert gone() is None
        wait_until(lambda: not thread.is_alive(), "the end of the thread")


def test_feed_is_followed_as_soon_as_a_thread_can_start(
    live: Live, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with live.client() as client:
        verifier = Verifier(client)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="new thread"):
                verifier.verify(token)
        verifier.verify(token)
        wait_until(lambda: verifier.state.feed.is_current, "the feed")
        verifier.close()


def test_server_that_does_not_answer_is_waited_for_as_the_client_says() -> None:
    options = RequestOptions(timeout=0.3)
    with (
        raw_server(silent) as server,
        RestClient("p", "t", server.host, options) as client,
        Verifier(client) as verifier,
        pytest.raises(CannotVerify) as failed,
    ):
        verifier.verify(token_of(1))
    assert not failed.value.permanent


async def test_async_client_that_is_closed_cannot_verify(live: Live, token: str) -> None:
    client: AsyncRestClient = live.async_client()
    async with AsyncVerifier(client) as verifier:
        await verifier.verify(token)
        await client.close()
        with pytest.raises(CannotVerify, match="the client is closed") as failed:
            await verifier.verify(token_of(2))
        assert failed.value.permanent


def test_client_that_is_closed_cannot_verify(live: Live) -> None:
    client = live.client()
    with Verifier(client) as verifier:
        client.close()
        with pytest.raises(CannotVerify, match="the client is closed") as failed:
            verifier.verify(token_of(2))
        assert failed.value.permanent
