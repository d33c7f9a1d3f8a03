"""The edge: from an ASGI scope to an operation and back. Everything hostile is stopped here.

The order is fixed: route, credentials, body, faults, flow. So an unknown caller learns nothing
about the body, and nobody's body is read for nothing.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from time import perf_counter
from typing import Final

import structlog
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from satmint.http.cors import Cors
from satmint.http.messages import NO_STORE, Call, Response, json_response
from satmint.http.operations import Admits, Desk, Operation
from satmint.http.statuses import plain_error, refusal_response
from satmint.http.strict_json import read_object
from satmint.http.upgrades import Upgrades
from satmint.model.events import AGENT_LIMIT, Origin
from satmint.model.refusals import Code, Refusal, Unauthorized, Unprocessable, Unproven

BODY_LIMIT: Final = 64 * 1024
"""Bytes of a request's body."""

_SECRET: Final = (NO_STORE,)
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")

Respond = Callable[[Response], Awaitable[None]]
Log = structlog.stdlib.BoundLogger


class _Gone(Exception):
    """The client hung up: nobody is there to be answered."""


class _TooLarge(Exception):
    """The body is over the limit."""


class Resource:
    """The operations of one path, by method."""

    def __init__(self, path: str, operations: Iterable[Operation]) -> None:
        self.path = path
        self.operations = {operation.method: operation for operation in operations}
        if "GET" in self.operations:
            self.operations["HEAD"] = self.operations["GET"]
        allowed = ", ".join(sorted({*self.operations, "OPTIONS"}))
        self.allow = (b"allow", allowed.encode())
        self.pattern, _, _ = compile_path(path)


class Edge:
    """The ASGI application."""

    def __init__(
        self, desk: Desk, operations: Iterable[Operation], cors: Cors, *, log: Log | None = None
    ) -> None:
        self._desk = desk
        self._cors = cors
        self._upgrades = Upgrades(desk.gateway, cors, desk.metrics)
        self._log: Log = log or structlog.get_logger("satmint.http")
        # Asked once: a line that is not wanted costs a hundredth of a refresh to be thrown away.
        self._tells_all: bool = self._log.is_enabled_for(logging.DEBUG)
        self._errors_url = f"{desk.public_url}/errors"
        self._request_prefix = desk.mint.entropy.take(6).hex()
        self._request_count = 0
        by_path: dict[str, list[Operation]] = {}
        for operation in operations:
            by_path.setdefault(operation.path, []).append(operation)
        resources = [Resource(path, found) for path, found in by_path.items()]
        self._exact = {found.path: found for found in resources if "{" not in found.path}
        self._patterns = [found for found in resources if "{" in found.path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            await self._upgrade(scope, receive, send)
            return
        began = perf_counter()
        method: str = scope["method"]
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = self._request_id(headers.get(b"x-request-id"))
        resource, params = self._route(scope["path"])
        operation = None if resource is None else resource.operations.get(method)
        name = "-" if operation is None else operation.id
        client = scope["client"]
        address: str = client[0] if client else ""
        try:
            if operation is not None:
                agent = headers.get(b"user-agent", b"")[:AGENT_LIMIT].decode("latin-1")
                origin = Origin(request_id, address, agent)
                call = Call(params, scope["query_string"], origin, headers)
                call.header_lines = scope["headers"]
                response = await self._perform(operation, call, receive)
                if operation.decides:
                    self._tell_decision(operation, call)
            elif resource is None:
                response = plain_error(Code.NOT_FOUND)
            elif method == "OPTIONS":
                response = self._cors.preflight(headers, resource.allow)
            else:
                response = plain_error(Code.METHOD_NOT_ALLOWED, (resource.allow,))
        except _Gone:
            return
        except Exception as error:  # noqa: BLE001 - every refusal, and every bug, becomes an answer
            response = self._failed(error, operation, request_id, address)
        metrics = self._desk.metrics
        # A method that an operation does not have is not told apart: anybody can invent one.
        known = method if operation is not None else "-"
        metrics.requests[known, name, response.status] += 1
        seconds = perf_counter() - began
        metrics.seconds.observe(seconds)
        if self._tells_all:
            self._log.debug(
                "answered",
                method=method,
                route=name,
                status=response.status,
                ms=round(seconds * 1000, 2),
                request_id=request_id,
                address=address,
            )
        await self._answer(response, request_id, method, headers, send)

    def _tell_decision(self, operation: Operation, call: Call) -> None:
        """Log what somebody who manages a project has changed."""
        self._log.info(
            "decided",
            route=operation.id,
            project=str(call.caller.project),
            request_id=call.origin.request_id,
            address=call.origin.address,
        )

    async def _answer(
        self,
        response: Response,
        request_id: str,
        method: str,
        headers: Mapping[bytes, bytes],
        send: Send,
    ) -> None:
        """Send `response` with what every answer to a request of these headers carries."""
        body = response.body
        answered = [*response.headers, (b"x-request-id", request_id.encode("ascii"))]
        if response.status != 204:  # which must not have one (RFC 9110, section 8.6)
            answered.append((b"content-length", b"%d" % len(body)))
        if b"origin" in headers:
            answered += self._cors.headers(headers[b"origin"])
        start = {"type": "http.response.start", "status": response.status, "headers": answered}
        await send(start)
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})

    async def _upgrade(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            offered = dict(scope["headers"]).get(b"x-request-id")
            await self._upgrades.take(scope, receive, send, self._request_id(offered))

    async def _perform(self, operation: Operation, call: Call, receive: Receive) -> Response:
        if operation.admits is not Admits.ANYONE:
            authorization = call.headers.get(b"authorization", b"")
            # A backend that called a moment ago is told by a look at a table.
            known = self._desk.callers.remembered(authorization)
            if known is None or known.permissions.isdisjoint(operation.admits.permissions):
                await self._admit(operation, authorization, call)
            else:
                call.who = known
            if call.who is not None:
                self._desk.mint.count_call(call.who.counted_as)
        if operation.shape is not None:
            members = read_object(await _read_body(call.headers, receive))
            call.form, faults = operation.shape.read(members, self._desk.mint)
            if faults:
                if operation.more_faults is not None:
                    faults += await operation.more_faults(self._desk, call)
                raise Unprocessable(*faults)
        answer = await operation.handler(self._desk, call)
        if isinstance(answer, Response):
            return answer
        return json_response(operation.status, answer, _SECRET if operation.secret else ())

    async def _admit(self, operation: Operation, authorization: bytes, call: Call) -> None:
        """Find out who calls.

        Raises:
            Unauthorized: nobody whom this operation admits.
        """
        admits, callers, address = operation.admits, self._desk.callers, call.origin.address
        bearer = authorization[:7].lower() == b"bearer "
        if admits.proves:
            late = admits is Admits.LATE_KEY_HOLDER
            slack = self._desk.mint.policy.device_slack_seconds if late else 0
            call.who = await callers.key_holder(authorization, address, slack)
        elif admits is Admits.HOLDER or (admits is Admits.HOLDER_OR_BACKEND and bearer):
            call.who = await callers.holder(authorization, address)
        else:
            call.who = await callers.backend(authorization, admits.permissions, address)

    def _failed(
        self, error: Exception, operation: Operation | None, request_id: str, address: str
    ) -> Response:
        """The answer for what was raised; what is no refusal is a bug: logged, and a 500."""
        route = "-" if operation is None else operation.id
        if isinstance(error, _TooLarge):
            return plain_error(Code.PAYLOAD_TOO_LARGE, ((b"connection", b"close"),))
        if not isinstance(error, Refusal):
            self._log.error("failed", request_id=request_id, route=route, exc_info=error)
            return plain_error(Code.INTERNAL)
        code, cause = error.code, error.cause
        self._desk.metrics.refusals[code, cause] += 1
        more = {} if not isinstance(error, Unproven) or error.skew is None else {"skew": error.skew}
        self._log.info(
            "refused",
            code=code,
            cause=cause,
            route=route,
            request_id=request_id,
            address=address,
            **more,
        )
        response = refusal_response(error, self._errors_url)
        if isinstance(error, Unproven):
            return response  # which has a challenge of its own
        if isinstance(error, Unauthorized) and operation is not None:
            challenge = (b"www-authenticate", operation.admits.challenge)
            return Response(response.status, response.body, (*response.headers, challenge))
        return response

    def _route(self, path: str) -> tuple[Resource | None, dict[str, str]]:
        resource = self._exact.get(path)
        if resource is not None:
            return resource, {}
        for candidate in self._patterns:
            match = candidate.pattern.fullmatch(path)
            if match is not None:
                return candidate, match.groupdict()
        return None, {}

    def _request_id(self, offered: bytes | None) -> str:
        """The caller's own, where it has the form of one; else one of ours."""
        if offered is not None and _REQUEST_ID.fullmatch(offered):
            return offered.decode("ascii")
        # Unique is enough: drawing a random one for each request costs a system call.
        self._request_count += 1
        return f"{self._request_prefix}-{self._request_count:x}"


async def _read_body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """The whole body.

    Raises:
        _TooLarge: it is, or says that it will be, over the limit.
        _Gone: the client hung up.
    """
    declared = headers.get(b"content-length", b"0")
    if len(declared) > 9 or not declared.isdigit() or int(declared) > BODY_LIMIT:
        # Before receiving, which would invite it where the client waits (RFC 9110, 10.1.1).
        raise _TooLarge
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False) and len(body) <= BODY_LIMIT:
        message = await receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise _Gone
    if len(body) > BODY_LIMIT:
        raise _TooLarge
    return body
