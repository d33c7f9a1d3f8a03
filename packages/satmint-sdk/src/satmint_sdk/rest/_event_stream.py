"""Parses `text/event-stream` (WHATWG HTML, section 9.2.6). No I/O."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_MAX_EVENT_CHARS: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event of a stream.

    Attributes:
        event: Its type.
        data: Its data.
        id: The id that it has itself; `None` if it has none.
    """

    event: str
    data: str
    id: str | None


class EventStream:
    """The events of one stream, from its bytes."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8-sig")(errors="replace").decode
        self._line = ""
        self._after_return = False
        self._event = ""
        self._data: list[str] = []
        self._id: str | None = None
        self._chars = 0

    def feed(self, part: bytes) -> Iterator[ServerSentEvent]:
        """The events that a further part of the stream completes.

        Raises:
            ValueError: An event is too large.
        """
        text = self._decode(part)
        if self._after_return and text:
            text = text.removeprefix("\n")
            self._after_return = False
        self._after_return = self._after_return or text.endswith("\r")
        *lines, self._line = (
            (self._line + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        )
        for line in lines:
            found = self._read(line)
            if found is not None:
                yield found
        if self._chars + len(self._line) > _MAX_EVENT_CHARS:
            raise ValueError("an event of the stream is too large")

    def _read(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        self._chars += len(line)
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        event, data, identifier = self._event, self._data, self._id
        self._event, self._data, self._id, self._chars = "", [], None, 0
        return ServerSentEvent(event or "message", "\n".join(data), identifier) if data else None
