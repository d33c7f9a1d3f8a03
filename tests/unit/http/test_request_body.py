"""Bodies of requests: their limit, and what is read before it is known to be exceeded."""

from collections.abc import Mapping

import pytest
from starlette.types import Message

from satmint.http.request_body import BODY_LIMIT, BodyTooLarge, ClientDisconnected, read_body


class Channel:
    """The messages of a client."""

    def __init__(self, *parts: bytes | None) -> None:
        self.received = 0
        self._parts = parts

    async def receive(self) -> Message:
        part = self._parts[self.received]
        self.received += 1
        if part is None:
            return {"type": "http.disconnect"}
        more = self.received < len(self._parts)
        return {"type": "http.request", "body": part, "more_body": more}


@pytest.mark.parametrize(
    "parts", [(b"",), (b"a",), (b"a", b"", b"b"), (b"x" * BODY_LIMIT,), (b"x" * BODY_LIMIT, b"")]
)
async def test_body_is_read_whole(parts: tuple[bytes, ...]) -> None:
    assert await read_body({}, Channel(*parts).receive) == b"".join(parts)


@pytest.mark.parametrize(
    ("message", "body"), [({}, b""), ({"body": b"x"}, b"x"), ({"more_body": False}, b"")]
)
async def test_members_of_a_message_may_be_absent(message: Message, body: bytes) -> None:
    async def receive() -> Message:
        return {"type": "http.request", **message}

    assert await read_body({}, receive) == body


@pytest.mark.parametrize(
    ("parts", "received"),
    [
        ((b"x" * (BODY_LIMIT + 1), b"y"), 1),
        ((b"x" * BODY_LIMIT, b"y"), 2),
        ((b"x" * BODY_LIMIT, b"y", b"z"), 2),
    ],
)
async def test_body_over_the_limit_is_not_read_to_its_end(
    parts: tuple[bytes, ...], received: int
) -> None:
    channel = Channel(*parts)
    with pytest.raises(BodyTooLarge):
        await read_body({}, channel.receive)
    assert channel.received == received


@pytest.mark.parametrize("parts", [(None,), (b"a", None), (b"x" * BODY_LIMIT, None)])
async def test_client_that_leaves_sends_no_body(parts: tuple[bytes | None, ...]) -> None:
    with pytest.raises(ClientDisconnected):
        await read_body({}, Channel(*parts).receive)


@pytest.mark.parametrize(
    ("declared", "accepted"),
    [
        (b"0", True),
        (b"%d" % BODY_LIMIT, True),
        (b"%d" % (BODY_LIMIT + 1), False),
        (b"000000001", True),
        (b"0000000001", False),
        (b"9" * 5000, False),
        (b"-1", False),
        (b"", False),
    ],
)
async def test_length_over_the_limit_is_refused_before_the_body_is_asked_for(
    declared: bytes, accepted: bool
) -> None:
    channel = Channel(b"{}")
    headers: Mapping[bytes, bytes] = {b"content-length": declared}
    if accepted:
        assert await read_body(headers, channel.receive) == b"{}"
    else:
        with pytest.raises(BodyTooLarge):
            await read_body(headers, channel.receive)
    assert channel.received == accepted
