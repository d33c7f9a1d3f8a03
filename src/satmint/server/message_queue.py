"""The messages of a WebSocket that wait for the application."""

import asyncio

from starlette.types import Message


class MessageQueue:
    """A queue with one reader. An empty one is small; an `asyncio.Queue` takes 2 KB."""

    __slots__ = ("_messages", "_reader")

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._reader: asyncio.Future[None] | None = None
        """Done when there is a message; None unless the reader waits for one."""

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def is_disconnected(self) -> bool:
        """Whether the last message is the disconnect message."""
        return bool(self._messages) and self._messages[-1]["type"] == "websocket.disconnect"

    def put(self, message: Message) -> None:
        """Add a message."""
        self._messages.append(message)
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)

    async def get(self) -> Message:
        """Remove the oldest message, once there is one."""
        while not self._messages:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._messages.pop(0)

    def clear(self) -> None:
        """Remove all messages."""
        self._messages.clear()
