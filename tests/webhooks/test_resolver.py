"""Names of webhooks: look-ups that end late or never, and whose threads they occupy."""

import asyncio
import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from satmint.webhooks.resolver import PROJECT, Resolver
from tests.kit.polling import until
from tests.kit.service import Server
from tests.webhooks.post import a_post
from tests.webhooks.receiver import receiving

ONE, OTHER = UUID(int=1), UUID(int=2)


class NameServer:
    """Answers names below `slow.example` only when it is told to."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def find(self, host: str, port: int, **_: object) -> list[object]:
        with self._lock:
            self.asked.append(host)
        if host.endswith("slow.example"):
            self.answer.wait(30)
        if host.startswith("missing"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", port))]


@contextmanager
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", server.find)
        try:
            yield server
        finally:
            server.answer.set()


def look_up(
    resolver: Resolver, project: UUID, host: str, seconds: float | None = 20
) -> "asyncio.Task[list[str]]":
    """Have a project ask for a name, as the task of a delivery does."""

    async def ask() -> list[str]:
        PROJECT.set(project)
        return await resolver.addresses_of(host, 443, seconds)

    return asyncio.create_task(ask())


async def test_a_project_occupies_some_threads_and_leaves_the_others() -> None:
    resolver = Resolver(threads=4, per_project=2)
    with name_server() as names:
        stalled = [look_up(resolver, ONE, f"{n}.slow.example", 0.2) for n in range(5)]
        assert await look_up(resolver, OTHER, "fast.example") == ["1.1.1.1"]
        for task in stalled:
            with pytest.raises(TimeoutError):
                await task
        # Nobody waits for them, but their threads are still occupied.
        assert sorted(names.asked) == ["0.slow.example", "1.slow.example", "fast.example"]
        with pytest.raises(TimeoutError):
            await look_up(resolver, ONE, "fast.example", 0.05)
        late = look_up(resolver, ONE, "late.example")
        names.answer.set()
        assert await late == ["1.1.1.1"]
        await until(lambda: not resolver._running)
        assert not resolver._by_project


async def test_look_up_that_ends_frees_one_thread_of_its_project() -> None:
    resolver = Resolver(threads=10, per_project=2)
    with name_server() as names:
        stalled = [look_up(resolver, ONE, "0.slow.example")]
        assert await look_up(resolver, ONE, "fast.example") == ["1.1.1.1"]
        stalled += [look_up(resolver, ONE, f"{n}.slow.example") for n in range(1, 3)]
        assert await look_up(resolver, OTHER, "other.example") == ["1.1.1.1"]
        assert len(resolver._running) == 2
        names.answer.set()
        assert await asyncio.gather(*stalled) == [["1.1.1.1"]] * 3


async def test_all_projects_together_occupy_no_more_than_there_are() -> None:
    resolver = Resolver(threads=3, per_project=2)
    with name_server() as names:
        tasks = [look_up(resolver, UUID(int=n), f"{n}.slow.example") for n in range(6)]
        await until(lambda: len(names.asked) == 3)
        assert len(resolver._running) == 3
        names.answer.set()
        assert await asyncio.gather(*tasks) == [["1.1.1.1"]] * 6
    assert len(names.asked) == 6


async def test_a_name_that_does_not_exist_frees_its_thread() -> None:
    resolver = Resolver(threads=1, per_project=1)
    with name_server():
        for _ in range(3):
            with pytest.raises(socket.gaierror):
                await look_up(resolver, ONE, "missing.example")
        assert await look_up(resolver, OTHER, "fast.example") == ["1.1.1.1"]


async def test_a_look_up_that_nobody_waits_for_delays_no_exit() -> None:
    resolver = Resolver()
    with name_server():
        with pytest.raises(TimeoutError):
            await look_up(resolver, ONE, "0.slow.example", 0.01)
        (thread,) = [one for one in threading.enumerate() if one.name == "satmint-resolver"]
        assert thread.daemon


async def test_look_up_that_fails_after_its_caller_has_gone_is_no_error_of_the_loop() -> None:
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    with name_server() as server:
        resolver = Resolver()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await resolver.addresses_of("missing.slow.example", 80, None)
        server.answer.set()
        await until(lambda: not resolver._running)
        gc.collect()
        await asyncio.sleep(0)
    assert problems == []


async def test_a_name_is_looked_up_for_the_project_of_the_message(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    addresses_of = Resolver.addresses_of

    async def note(self: Resolver, host: str, port: int, seconds: float | None) -> list[str]:
        asked.append(PROJECT.get())
        return await addresses_of(self, host, port, seconds)

    monkeypatch.setattr(Resolver, "addresses_of", note)
    async with receiving() as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await post.alert()
        assert await post.dispatcher.deliver_due() == 1
    assert asked == [server.tenant.id]
