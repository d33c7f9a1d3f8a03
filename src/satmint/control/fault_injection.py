"""Middleware that injects faults between a client and the application.

It loses or delays a request before the application receives it, and a response after the
application sends it.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from satmint.control.faults import ANY, FaultKind, InjectedFault
from satmint.control.operations import is_api_operation
from satmint.control.refusals import fault_response
from satmint.control.server_date import ACCEPTED, RESPONSE_HEADS
from satmint.control.state import Control, RecordedCall
from satmint.http.request_body import BODY_LIMIT
from satmint.http.request_ids import SCOPE_KEY, RequestIds, caller_fields
from satmint.http.responder import Responder
from satmint.http.routing import Router
from satmint.http.upgrades import ROUTE, denial

_CLOSE: Final = (b"connection", b"close")


class FaultInjection:
    """ASGI middleware that applies the armed faults and records calls."""

    def __init__(
        self,
        app: ASGIApp,
        control: Control,
        router: Router,
        request_ids: RequestIds,
        responder: Responder,
    ) -> None:
        """Wrap an application.

        Args:
            app: The application.
            control: Has the armed faults, and records the calls.
            router: Finds the operation of a request.
            request_ids: Creates the ids of requests; shared with the application.
            responder: Sends refusals; shared with the application.
        """
        self._app = app
        self._control = control
        self._router = router
        self._request_ids = request_ids
        self._responder = responder
        self._log = structlog.get_logger("satmint.control")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI 3), with a fault if one is armed for it."""
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._upgrade_request(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = self._router.operation(scope["method"], scope["path"])
        if operation is None or not is_api_operation(operation):
            await self._app(scope, receive, send)
            return
        fault, recorded = self._begin_call(scope, operation.id, ANY)
        if fault is None:
            await self._app(scope, receive, _recording_status(recorded, send))
        else:
            await self._request_with_fault(fault, recorded, scope, receive, send)

    async def _request_with_fault(
        self,
        fault: InjectedFault,
        recorded: RecordedCall,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Apply `fault` to a request. The server closes the connection if no response is sent."""
        recording_send = _recording_status(recorded, send)
        match fault.kind:
            case FaultKind.REFUSE:
                responder, headers = self._responder, dict(scope["headers"])
                response = fault_response(fault, responder.errors_url)
                await responder.send(
                    response, recorded.request_id, scope["method"], headers, recording_send
                )
            case FaultKind.LOSE_REQUEST:
                pass
            case FaultKind.DELAY_REQUEST:
                request = await _receive_body(receive)
                await self._control.sleep(fault.seconds or 0)
                await self._app(scope, _replaying(request, receive), recording_send)
            case FaultKind.LOSE_ANSWER | FaultKind.CUT_ANSWER | FaultKind.DELAY_ANSWER:
                answer: list[Message] = []

                async def keep(message: Message) -> None:
                    answer.append(message)
                    if message.get("more_body", False):
                        raise OSError("a stream is not kept")  # it has no end

                with suppress(OSError):
                    await self._app(scope, receive, _recording_status(recorded, keep))
                await self._send_with_fault(fault, answer, send)

    async def _send_with_fault(
        self, fault: InjectedFault, answer: Sequence[Message], send: Send
    ) -> None:
        """Delay, cut or lose `answer`, the messages of a response, as `fault` requires."""
        match fault.kind, answer:
            case FaultKind.DELAY_ANSWER, _:
                await self._control.sleep(fault.seconds or 0)
                for message in answer:
                    await send(message)
            case FaultKind.CUT_ANSWER, [start, {"body": bytes(body)}] if body:
                # `Content-Length` keeps the full length, so that the client notices the loss.
                await send({**start, "headers": [*start["headers"], _CLOSE]})
                await send({"type": "http.response.body", "body": body[: len(body) // 2]})
            case _:
                pass  # the response is lost; one without a body can only be lost, not cut

    async def _upgrade_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, delay or pass on a request for a WebSocket connection; it can be cut later."""
        fault, recorded = self._begin_call(scope, ROUTE)
        send = _recording_status(recorded, send)
        if fault is not None and fault.kind is FaultKind.REFUSE:
            await receive()
            for message in denial(
                fault_response(fault, self._responder.errors_url), recorded.request_id
            ):
                await send(message)
            return
        if fault is not None:
            await self._control.sleep(fault.seconds or 0)
        with self._control.sockets.register(receive) as cancellable_receive:
            await self._app(scope, cancellable_receive, send)

    def _begin_call(
        self, scope: Scope, operation: str, *names: str
    ) -> tuple[InjectedFault | None, RecordedCall]:
        """Record a request. Return the fault that applies to it, if any, and the record."""
        # The application would create the id too late: a lost request never reaches it.
        request_id = scope[SCOPE_KEY] = self._request_ids.next()
        sent = caller_fields(scope["headers"])
        fault = self._control.faults.take_fault(operation, *names)
        if fault is not None:
            self._log.info(
                "fault_met", kind=fault.kind, route=operation, request_id=request_id, **sent
            )
        recorded = self._control.record_call(operation, request_id, fault)
        recorded.caller_request_id = sent.get("caller_request_id")
        return fault, recorded


def _recording_status(recorded: RecordedCall, send: Send) -> Send:
    """Return a `send` that stores the response's status in `recorded`."""

    async def send_and_record(message: Message) -> None:
        if message["type"] in RESPONSE_HEADS:
            recorded.status = 101 if message["type"] == ACCEPTED else message["status"]
        await send(message)

    return send_and_record


async def _receive_body(receive: Receive) -> list[Message]:
    """Receive a request's messages until its body ends or exceeds the size limit."""
    messages: list[Message] = []
    size, more = 0, True
    while more and size <= BODY_LIMIT:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    return messages


def _replaying(messages: Sequence[Message], receive: Receive) -> Receive:
    """Return a `receive` that returns `messages` before any new ones."""
    buffered = iter(messages)

    async def replay() -> Message:
        for message in buffered:
            return message
        return await receive()

    return replay
