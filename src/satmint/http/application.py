"""The HTTP API as an ASGI application: maps requests to operations, and results to responses.

The order is fixed: route, credentials, body, field errors, flow. So an unauthenticated caller
learns nothing about the body, and the server reads no body that it will not use.
"""

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from satmint.http.authenticator import Authenticator
from satmint.http.call import NO_STORE, Call, Response, json_response
from satmint.http.cors import Cors
from satmint.http.event_stream import EventStream
from satmint.http.idempotency import KEY_HEADER, REPLAYED, handle_once
from satmint.http.operations import (
    Authentication,
    BodyHandler,
    HandlerContext,
    Operation,
    Repeat,
)
from satmint.http.pages.failure import page_links
from satmint.http.request_body import BodyTooLarge, ClientDisconnected, read_body
from satmint.http.request_ids import SCOPE_KEY, RequestIds
from satmint.http.request_log import Log, Refused, RequestLog
from satmint.http.responder import Responder
from satmint.http.routing import Router
from satmint.http.statuses import plain_error
from satmint.http.strict_json import read_object
from satmint.http.upgrades import UpgradeHandler
from satmint.model.events import AGENT_LIMIT, Origin
from satmint.model.refusals import Code, Refusal, Unproven

_SECRET: Final = (NO_STORE,)


def _response(operation: Operation, answer: object) -> Response:
    if isinstance(answer, Response):
        return answer
    return json_response(operation.status, answer, _SECRET if operation.secret else ())


class Application:
    """Serves operations. Additional behaviour is added as ASGI middleware around it."""

    def __init__(
        self,
        context: HandlerContext,
        operations: Iterable[Operation],
        cors: Cors,
        *,
        log: Log | None = None,
    ) -> None:
        self.context = context
        self.router = Router(operations)
        self.request_ids = RequestIds(context.services.entropy)
        links = page_links(self.router, has_demo=context.demo is not None)
        self.responder = Responder(cors, f"{context.public_url}/errors", links)
        self._cors = cors
        self._authenticator = Authenticator(context.callers, context.services)
        self._upgrade_handler = UpgradeHandler(context.gateway, cors, context.metrics)
        self.request_log = RequestLog(log)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI 3)."""
        if scope["type"] != "http":
            await self._upgrade(scope, receive, send)
            return
        started = perf_counter()
        method: str = scope["method"]
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id: str = scope.get(SCOPE_KEY) or self.request_ids.next()
        resource, params = self.router.match(scope["path"])
        operation = None if resource is None else resource.operations.get(method)
        name = "-" if operation is None else operation.id
        client = scope["client"]
        address: str = client[0] if client else ""
        call: Call | None = None
        try:
            if operation is not None:
                agent = headers.get(b"user-agent", b"")[:AGENT_LIMIT].decode("latin-1")
                origin = Origin(request_id, address, agent)
                call = Call(params, scope["query_string"], origin, headers)
                call.header_lines = scope["headers"]
                call.peer = scope.get("satmint.peer", address)
                response = await self._handle(operation, call, receive)
                if operation.is_management_change and REPLAYED not in response.headers:
                    self.request_log.log_change(operation, call)
            elif resource is None:
                response = self._no_operation(Code.NOT_FOUND, request_id, scope)
            elif method == "OPTIONS":
                response = self._cors.preflight(headers, resource.allow)
            else:
                response = self._no_operation(
                    Code.METHOD_NOT_ALLOWED, request_id, scope, resource.allow
                )
        except ClientDisconnected:
            return
        except Exception as error:  # noqa: BLE001 - maps every exception to a response
            authenticated = call is not None and call.principal is not None
            self._record_error(error, name, request_id, scope, authenticated=authenticated)
            response = self.responder.error_response(error, operation)
        metrics = self.context.metrics
        # All unsupported methods share one label value, because clients can send any method name.
        known = method if operation is not None else "-"
        metrics.requests[known, name, response.status] += 1
        seconds = perf_counter() - started
        metrics.seconds.observe(seconds)
        if self.request_log.logs_responses:
            self.request_log.log_response(
                method, name, response.status, seconds, request_id, address, scope["headers"]
            )
        await self.responder.send(response, request_id, method, headers, send, resource)
        if isinstance(response, EventStream):
            await response.send_events(method, receive, send)

    async def _upgrade(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            request_id = scope.get(SCOPE_KEY) or self.request_ids.next()
            await self._upgrade_handler.handle(scope, receive, send, request_id)

    async def _handle(self, operation: Operation, call: Call, receive: Receive) -> Response:
        if operation.authentication is not Authentication.PUBLIC:
            await self._authenticator.authenticate(operation, call)
        handler = operation.handler
        if isinstance(handler, BodyHandler):
            members = read_object(await read_body(call.headers, receive, operation.body_limit))
            if operation.repeat is not None and KEY_HEADER in call.headers:
                return await self._handle_once(operation, handler, operation.repeat, call, members)
            answer = await handler(self.context, call, members)
        else:
            answer = await handler(self.context, call)
        return _response(operation, answer)

    async def _handle_once(
        self,
        operation: Operation,
        handler: BodyHandler[Any],
        repeat: Repeat,
        call: Call,
        members: Mapping[str, Any],
    ) -> Response:
        answer, is_repeated = await handle_once(
            self.context, operation, handler, repeat, call, members
        )
        response = _response(operation, answer)
        if not is_repeated:
            return response
        return Response(response.status, response.body, (*response.headers, REPLAYED))

    def _record_error(
        self, error: Exception, route: str, request_id: str, scope: Scope, *, authenticated: bool
    ) -> None:
        """Count and log an exception."""
        headers = scope["headers"]
        if isinstance(error, Refusal):
            skew = error.skew if isinstance(error, Unproven) else None
            refused = Refused(error.code, error.cause, route, skew)
        elif isinstance(error, BodyTooLarge):
            refused = Refused(Code.PAYLOAD_TOO_LARGE, "body", route)
        else:
            self.request_log.log_failure(error, Code.INTERNAL, route, request_id, headers)
            return
        self._record_refusal(refused, request_id, scope, authenticated=authenticated)

    def _record_refusal(
        self, refused: Refused, request_id: str, scope: Scope, *, authenticated: bool
    ) -> None:
        self.context.metrics.refusals[refused.code, refused.cause] += 1
        address = scope["client"][0] if scope["client"] else ""
        self.request_log.log_refusal(
            refused, request_id, address, scope["headers"], authenticated=authenticated
        )

    def _no_operation(
        self, code: Code, request_id: str, scope: Scope, *headers: tuple[bytes, bytes]
    ) -> Response:
        """Return the response to a request of no operation."""
        refused = Refused(code, "route", "-")
        self._record_refusal(refused, request_id, scope, authenticated=False)
        return plain_error(code, headers)
