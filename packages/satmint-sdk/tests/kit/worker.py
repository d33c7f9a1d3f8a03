"""A process of its own, that does what its first argument says."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import threading
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from kit.clients import async_client_of
from kit.service import API_TOKEN, PROJECT, FakeTokenService
from kit.sessions import session_of
from satmint_sdk.credentials import (
    CredentialExpired,
    CredentialRefused,
    CredentialSession,
    FileRefreshTokenStore,
    MemoryRefreshTokenStore,
    SessionClosed,
    SubscriberCredentialProvider,
)
from satmint_sdk.rest import AsyncRestClient, RestClient, SignalWireRestTransportError
from satmint_sdk.testing import FakeClock


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def in_a_child(do: object) -> None:
    """Fork, do it there, and fail here if it failed there."""
    assert callable(do)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            do()
            status = 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


async def refresh_when_told(host: str, file: str) -> None:
    """Sign in on a shared file, then refresh for every line that is read, until it works."""
    async with AsyncRestClient(PROJECT, API_TOKEN, host) as client:
        store = FileRefreshTokenStore(file)
        provider = SubscriberCredentialProvider(client, reference="alice", store=store)
        credential = await provider.authenticate()
        say(hashlib.sha256(credential.token.encode()).hexdigest())
        while sys.stdin.readline():
            fresh = None
            while fresh is None:
                try:
                    fresh = await provider.refresh()
                except SignalWireRestTransportError:
                    continue
            say(hashlib.sha256(fresh.token.encode()).hexdigest())


def crowd_on_a_file(host: str, project: str, api_token: str, file: str, threads: str) -> None:
    """Sign in on a shared file with many threads, then refresh in all of them for every line."""
    size = int(threads)
    at_rest, begun = threading.Barrier(size + 1), threading.Barrier(size + 1)
    tokens: list[str] = []
    going_on = True

    def live(client: RestClient) -> None:
        store = FileRefreshTokenStore(file)
        provider = SubscriberCredentialProvider(client, reference="crowd", store=store)
        tokens.append(asyncio.run(provider.authenticate()).token)
        while True:
            at_rest.wait()
            begun.wait()
            if not going_on:
                return
            tokens.append(asyncio.run(provider.refresh()).token)

    with RestClient(project, api_token, host) as client:
        crowd = [threading.Thread(target=live, args=(client,)) for _ in range(size)]
        for one in crowd:
            one.start()
        while True:
            at_rest.wait()
            say(f"{len(tokens)} {' '.join(set(tokens))}")
            tokens.clear()
            going_on = bool(sys.stdin.readline())
            begun.wait()
            if not going_on:
                break
        for one in crowd:
            one.join()


def sessions_on_a_file(host: str, project: str, api_token: str, file: str, threads: str) -> None:
    """A session in an event loop of its own in each of many threads, all of them on one file.

    For every line, which is a number, each renews its token so often, as fast as it can.
    """
    size = int(threads)
    at_rest, begun = threading.Barrier(size + 1), threading.Barrier(size + 1)
    tokens: list[str] = []
    outcomes: Counter[str] = Counter()
    renewals = 0

    async def live() -> None:
        async with AsyncRestClient(project, api_token, host) as client:
            store = FileRefreshTokenStore(file)
            provider = SubscriberCredentialProvider(client, reference="crowd", store=store)
            async with CredentialSession(provider) as session:
                tokens.append(await session.token())
                while True:
                    await asyncio.to_thread(at_rest.wait)
                    await asyncio.to_thread(begun.wait)
                    if not renewals:
                        break
                    tokens.extend(
                        [await session.renew(await session.token()) for _ in range(renewals)]
                    )
                outcomes.update(session.stats.attempts)

    crowd = [threading.Thread(target=asyncio.run, args=(live(),)) for _ in range(size)]
    for one in crowd:
        one.start()
    while True:
        at_rest.wait()
        say(f"{len(tokens)} {' '.join(set(tokens))}")
        tokens.clear()
        renewals = int(sys.stdin.readline() or 0)
        begun.wait()
        if not renewals:
            break
    for one in crowd:
        one.join()
    say(" ".join(f"{outcome}={count}" for outcome, count in sorted(outcomes.items())))


async def hold_lock(file: str) -> None:
    """Hold the lock of a store until killed."""
    async with FileRefreshTokenStore(file).lock():
        say("held")
        sys.stdin.readline()


async def hold_lock_beside_a_child(file: str) -> None:
    """The same, with a child that was forked off meanwhile and lives on."""
    async with FileRefreshTokenStore(file).lock():
        child = os.fork()
        if child == 0:
            sys.stdin.readline()
            os._exit(0)
        say(f"held {child}")
        sys.stdin.readline()


async def fork_after_a_lock(file: str) -> None:
    """What has the number of a lock's descriptor since then stays open in the child."""
    async with FileRefreshTokenStore(file).lock():
        pass
    descriptors = os.pipe()
    in_a_child(lambda: [os.fstat(descriptor) for descriptor in descriptors])
    say("done")


async def fork_a_session() -> None:
    """The child may read, and asks the server for nothing."""
    clock = FakeClock()
    service = FakeTokenService(clock)
    store = MemoryRefreshTokenStore(clock=clock)
    client = async_client_of(service)
    provider = SubscriberCredentialProvider(client, reference="a", store=store, clock=clock)
    async with session_of(service, provider) as session:
        token = await session.token()

        def child() -> None:
            before = len(service.requests)
            assert session.token_blocking() == token
            clock.sleep(7190)  # so late that a parent would wait for a refresh
            assert session.token_blocking() == token
            assert asyncio.run(session.token()) == token
            clock.sleep(11)
            for ask in (session.token, lambda: session.renew(token), session.login, session.open):
                try:
                    asyncio.run(ask())
                except (CredentialExpired, CredentialRefused, SessionClosed) as error:
                    say(type(error).__name__)
            asyncio.run(session.close())
            assert len(service.requests) == before

            async def anew() -> None:
                async with session_of(service, provider) as own:
                    assert service.accepts(await own.token())

            asyncio.run(anew())
            assert service.count("created") == 2
            assert service.count("rotated") == 0  # nothing of the parent's was spent

        in_a_child(child)
        await clock.advance(6000)
        assert service.accepts(await session.token())
        assert service.history == [("created", 0), ("rotated", 1)]
    say("done")


def fork_a_client() -> None:
    """Parent and child speak over connections of their own, whatever was locked at the fork."""
    service = FakeTokenService()
    with service.serve() as host:
        client = RestClient(PROJECT, API_TOKEN, host)
        other = AsyncRestClient(PROJECT, API_TOKEN, host)

        def sign_in() -> None:
            assert client.fabric.tokens.create_subscriber_token(reference="alice")["token"]

        async def sign_in_there() -> None:
            assert (await other.fabric.tokens.create_subscriber_token(reference="bob"))["token"]

        runner = asyncio.Runner()
        sign_in()
        runner.run(sign_in_there())
        locked, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            with client._driver._lock:
                locked.set()
                go_on.wait()

        holder = threading.Thread(target=hold)
        holder.start()
        locked.wait()

        def child() -> None:
            sign_in()
            with asyncio.Runner() as own:
                own.run(sign_in_there())

        in_a_child(child)
        go_on.set()
        holder.join()
        sign_in()
        runner.run(sign_in_there())
        client.close()
        runner.run(other.close())
        runner.close()
    say("done")


if __name__ == "__main__":
    done = globals()[sys.argv[1]](*sys.argv[2:])
    if done is not None:
        asyncio.run(done)
