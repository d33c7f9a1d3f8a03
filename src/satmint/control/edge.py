"""The edge of a development server: as in production, with a control endpoint and bad days.

Faults are what lies between a client and the edge, so they are here, around it: a request is lost
before the edge has it, an answer after the edge has given it.
"""

from collections.abc import Iterable, Mapping, Sequence
from email.utils import formatdate
from ipaddress import ip_address
from typing import Final

import structlog
from starlette.types import Message, Receive, Scope, Send

from satmint.control.faults import ANY, Fault, FaultKind
from satmint.control.operations import PREFIX, control_operations, is_of_the_api
from satmint.control.refusals import refusal_of
from satmint.control.state import Control, SeenCall
from satmint.http.cors import Cors
from satmint.http.edge import BODY_LIMIT, Edge
from satmint.http.here import is_this_machine
from satmint.http.operations import Desk, Operation
from satmint.http.statuses import plain_error
from satmint.http.upgrades import ROUTE, denial
from satmint.model.refusals import Code

_REQUEST_ID: Final = b"x-request-id"
_CLOSE: Final = (b"connection", b"close")
_FORWARDED: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host"})
_UPGRADED: Final = "websocket.accept"
_HEADS: Final = frozenset(
    {"http.response.start", "websocket.http.response.start", _UPGRADED},
)
"""The messages that carry the head of an answer."""


class ControlledEdge(Edge):
    """See the module."""

    def __init__(
        self, control: Control, desk: Desk, operations: Iterable[Operation], cors: Cors
    ) -> None:
        served = tuple(operations)
        controls = control_operations(control, served, desk.public_url)
        super().__init__(desk, (*served, *controls), cors)
        self._control = control
        self._fault_log = structlog.get_logger("satmint.control")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3), or let it go wrong."""
        if scope["type"] == "http":
            await self._request(scope, receive, self._dated(send))
        elif scope["type"] == "websocket":
            await self._upgrade_request(scope, receive, self._dated(send))
        else:
            await super().__call__(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path == PREFIX or path.startswith(f"{PREFIX}/"):
            await self._control_call(scope, receive, send)
            return
        resource, _ = self._route(path)
        operation = None if resource is None else resource.operations.get(scope["method"])
        if operation is None or not is_of_the_api(operation):
            await super().__call__(scope, receive, send)
            return
        fault, seen = self._arrival(scope, operation.id, ANY)
        if fault is None:
            await super().__call__(scope, receive, _noting(seen, send))
        else:
            await self._call_gone_wrong(fault, seen, scope, receive, send)

    async def _control_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in this machine's own programs and pages, and nobody else."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if _is_from_here(scope, headers):
            await super().__call__(scope, receive, send)
            return
        request_id = self._request_id(headers.get(_REQUEST_ID))
        refused = plain_error(Code.FORBIDDEN)
        await self._answer(refused, request_id, scope["method"], headers, send)

    async def _call_gone_wrong(
        self, fault: Fault, seen: SeenCall, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """A call that meets `fault`. The connection of one that ends unanswered is closed."""
        noted = _noting(seen, send)
        match fault.kind:
            case FaultKind.REFUSE:
                refused, headers = refusal_of(fault, self._errors_url), dict(scope["headers"])
                await self._answer(refused, seen.request_id, scope["method"], headers, noted)
            case FaultKind.LOSE_REQUEST:
                pass
            case FaultKind.DELAY_REQUEST:
                request = await _whole(receive)
                await self._control.sleep(fault.seconds or 0)
                await super().__call__(scope, _again(request, receive), noted)
            case FaultKind.LOSE_ANSWER | FaultKind.CUT_ANSWER | FaultKind.DELAY_ANSWER:
                answer: list[Message] = []

                async def keep(message: Message) -> None:
                    answer.append(message)

                await super().__call__(scope, receive, _noting(seen, keep))
                await self._send_badly(fault, answer, send)

    async def _send_badly(self, fault: Fault, answer: Sequence[Message], send: Send) -> None:
        """Let an answer, head and body, have the way that `fault` says."""
        match fault.kind, answer:
            case FaultKind.DELAY_ANSWER, _:
                await self._control.sleep(fault.seconds or 0)
                for message in answer:
                    await send(message)
            case FaultKind.CUT_ANSWER, [start, {"body": bytes(body)}] if body:
                # Its head tells the whole length.
                await send({**start, "headers": [*start["headers"], _CLOSE]})
                await send({"type": "http.response.body", "body": body[: len(body) // 2]})
            case _:
                pass  # it is lost; of what has no body there is nothing else to lose

    async def _upgrade_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One of the gateway's. It can be refused, or come late, and be cut at any time."""
        fault, seen = self._arrival(scope, ROUTE)
        send = _noting(seen, send)
        if fault is not None and fault.kind is FaultKind.REFUSE:
            await receive()
            for message in denial(refusal_of(fault, self._errors_url), seen.request_id):
                await send(message)
            return
        if fault is not None:
            await self._control.sleep(fault.seconds or 0)
        with self._control.sockets.listening(receive) as heard:
            await super().__call__(scope, heard, send)

    def _arrival(self, scope: Scope, operation: str, *names: str) -> tuple[Fault | None, SeenCall]:
        """The fault that a request meets, if it meets one, and what is remembered of it."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = self._request_id(headers.get(_REQUEST_ID))
        # Given to it now, since there may be no answer to tell it.
        scope["headers"] = [*scope["headers"], (_REQUEST_ID, request_id.encode("ascii"))]
        fault = self._control.faults.meet(operation, *names)
        if fault is not None:
            self._fault_log.info(
                "fault_met", kind=fault.kind, route=operation, request_id=request_id
            )
        return fault, self._control.see(operation, request_id, fault)

    def _dated(self, send: Send) -> Send:
        """`send`, telling the time as this server has it (RFC 9110, section 6.6.1)."""

        async def dated(message: Message) -> None:
            if message["type"] in _HEADS:
                date = formatdate(self._control.clock.now(), usegmt=True).encode("ascii")
                message["headers"] = [(b"date", date), *message.get("headers", ())]
            await send(message)

        return dated


def _noting(seen: SeenCall, send: Send) -> Send:
    """`send`, with the status put down."""

    async def noting(message: Message) -> None:
        if message["type"] in _HEADS:
            seen.status = 101 if message["type"] == _UPGRADED else message["status"]
        await send(message)

    return noting


async def _whole(receive: Receive) -> list[Message]:
    """The messages of a request up to the end of its body, or to where that is too large."""
    messages: list[Message] = []
    size, more = 0, True
    while more and size <= BODY_LIMIT:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    return messages


def _again(messages: Sequence[Message], receive: Receive) -> Receive:
    """`receive`, after these messages."""
    kept = iter(messages)

    async def again() -> Message:
        for message in kept:
            return message
        return await receive()

    return again


def _is_from_here(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request was made by a program or a page of this machine.

    Who calls must know an API token besides. Yet the demo project's is no secret on its machine,
    and a web site can have a visitor's browser call this server: then its origin, or the name that
    it had made to point here, is not this machine's. What a proxy or a tunnel brings is from
    elsewhere, whatever it says.
    """
    client = scope["client"]
    if client is None or not ip_address(client[0]).is_loopback or _FORWARDED & headers.keys():
        return False
    origin = headers.get(b"origin")
    if origin is not None and not is_this_machine(origin.decode("latin-1").partition("://")[2]):
        return False
    return is_this_machine(headers.get(b"host", b"").decode("latin-1"))
