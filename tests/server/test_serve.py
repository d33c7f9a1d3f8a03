"""`serve`: its hooks, its signals, and how often garbage is collected."""

import asyncio
import gc
import os
import signal
from collections.abc import Iterator

import pytest

from satmint.server import Listener, ServerOptions, bind
from satmint.server.listening import LifecycleHooks, ListenerApp, serve
from tests.kit.polling import until
from tests.server.request_heads import get
from tests.server.running_server import BOTH_LOOPS, Application

pytestmark = BOTH_LOOPS


@pytest.fixture(autouse=True)
def garbage_collection() -> Iterator[None]:
    """Undo what a server sets for its whole process."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_server_answers_from_ready_until_a_signal_and_calls_each_hook_once(
    number: signal.Signals,
) -> None:
    called: list[str] = []
    ready = asyncio.Event()

    async def on_ready() -> None:
        called.append("ready")
        ready.set()

    async def on_stop() -> None:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        called.append("stop")

    async def background() -> None:
        called.append("background")
        try:
            await asyncio.Event().wait()
        finally:
            called.append("cancelled")

    listener = Listener(bind("127.0.0.1", 0))
    port = listener.port
    hooks = LifecycleHooks(
        on_ready=on_ready,
        on_hangup=lambda: called.append("hangup"),
        on_stop=on_stop,
        background=[background],
    )
    apps = [ListenerApp(Application(), listener)]
    serving = asyncio.create_task(serve(apps, ServerOptions(), hooks))
    await ready.wait()
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: "hangup" in called)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(get())
    await reader.readexactly(1)
    assert not serving.done()
    os.kill(os.getpid(), number)
    await serving
    await reader.read()
    writer.close()
    assert sorted(called[:2]) == ["background", "ready"]
    assert called[2:] == ["hangup", "stop", "cancelled"]


async def test_hooks_are_optional_and_garbage_is_collected_less_often() -> None:
    serving = asyncio.create_task(serve([], ServerOptions(), LifecycleHooks()))
    await until(lambda: gc.get_freeze_count() > 0)
    assert gc.get_threshold() == (10_000, 20, 10)
    os.kill(os.getpid(), signal.SIGTERM)
    await serving
