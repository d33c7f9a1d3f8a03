"""One client's socket: the order and the limits of what is sent, and where it comes from."""

import asyncio
from uuid import UUID

import pytest
from starlette.types import Message

from satmint.gateway.client_socket import ClientSocket, SendMessage, origin_of
from satmint.gateway.protocol import Close, CloseCode, Send, SessionRevoked, initial_state
from satmint.model.events import AGENT_LIMIT, Origin
from tests.gateway.protocol_setup import ID, START, admission, live, played

ORIGIN = Origin("request", "192.0.2.1", "agent")


def a_socket(send: SendMessage) -> ClientSocket:
    return ClientSocket(ID, ORIGIN, send, START)


class Network:
    """Takes one message at a time, when it is let."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.error: Exception | None = None
        self._free = asyncio.Semaphore(0)

    async def send(self, message: Message) -> None:
        await self._free.acquire()
        if self.error is not None:
            raise self.error
        self.taken.append(message)

    async def take(self, count: int) -> None:
        for _ in range(count):
            self._free.release()
        for _ in range(3 * count + 3):
            await asyncio.sleep(0)


async def test_new_socket_waits_to_authenticate_and_is_offline() -> None:
    socket = a_socket(Network().send)
    assert socket.connection == initial_state(ID, START)
    assert (socket.id, socket.origin) == (ID, ORIGIN)
    assert (socket.recheck_at, socket.online_since) == (0.0, None)


async def test_admission_is_that_of_a_connected_socket_alone() -> None:
    socket = a_socket(Network().send)
    found = [socket.admission]
    socket.connection = live()
    found.append(socket.admission)
    assert found == [None, admission()]
    socket.connection, _ = played(live(), SessionRevoked())
    assert (socket.connection.admission, socket.admission) == (admission(), None)


async def test_queue_is_sent_in_order_by_one_task() -> None:
    network = Network()
    socket = a_socket(network.send)
    assert socket.flush() is None
    socket.put(Send("1"))
    socket.put(Close(CloseCode.REVOKED))
    task = socket.flush()
    assert task is not None
    assert socket.flush() is task
    await network.take(1)
    assert network.taken == [{"type": "websocket.send", "text": "1"}]
    socket.put(Send("2"))
    assert socket.flush() is task
    await network.take(2)
    assert network.taken[1:] == [
        {"type": "websocket.close", "code": 4403},
        {"type": "websocket.send", "text": "2"},
    ]
    assert type(network.taken[1]["code"]) is int
    assert task.done()
    assert socket.flush() is None


async def test_flushed_waits_until_everything_is_sent() -> None:
    network = Network()
    socket = a_socket(network.send)
    await socket.flushed()
    socket.put(Send("1"))
    waiting = asyncio.create_task(socket.flushed())
    await network.take(0)
    socket.put(Send("2"))
    await network.take(1)
    assert not waiting.done()
    await network.take(1)
    await waiting
    assert [message["text"] for message in network.taken] == ["1", "2"]


async def test_queue_is_dropped_when_the_client_is_lost() -> None:
    network = Network()
    socket = a_socket(network.send)
    network.error = OSError()
    socket.put(Send("1"))
    socket.put(Send("2"))
    waiting = asyncio.create_task(socket.flushed())
    await network.take(1)
    await waiting
    network.error = None
    assert socket.flush() is None
    socket.put(Send("3"))
    socket.flush()
    await network.take(1)
    assert network.taken == [{"type": "websocket.send", "text": "3"}]


@pytest.mark.parametrize(
    ("scope", "origin"),
    [
        ({"client": None, "headers": []}, Origin(str(ID), "", "")),
        (
            {
                "client": ("192.0.2.1", 1),
                "headers": [(b"host", b"x"), (b"user-agent", b"a\xe9"), (b"user-agent", b"b")],
                "satmint.request_id": "of the upgrade",
            },
            Origin("of the upgrade", "192.0.2.1", "a\xe9"),
        ),
        (
            {
                "client": ("2001:db8::1", 1),
                "headers": [(b"user-agent", b"x" * (AGENT_LIMIT + 1))],
            },
            Origin(str(ID), "2001:db8::1", "x" * AGENT_LIMIT),
        ),
    ],
    ids=["nothing", "everything", "long agent"],
)
def test_origin_is_read_from_the_upgrade(scope: dict[str, object], origin: Origin) -> None:
    assert origin_of(scope, UUID(str(ID))) == origin
