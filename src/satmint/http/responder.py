"""Maps errors to responses, and sends responses with the headers that all of them have."""

from collections.abc import Mapping, Sequence

from starlette.types import Send

from satmint.http.call import JSON_TYPE, Response
from satmint.http.cors import Cors
from satmint.http.event_stream import EventStream
from satmint.http.navigation import is_navigation
from satmint.http.operations import Operation
from satmint.http.pages.failure import PageLink, failure_page
from satmint.http.request_body import BodyTooLarge
from satmint.http.routing import Resource
from satmint.http.statuses import plain_error, refusal_response
from satmint.model.refusals import Code, Refusal, Unauthorized, Unproven


class Responder:
    """Maps errors to responses, and sends responses."""

    def __init__(self, cors: Cors, errors_url: str, links: Sequence[PageLink] = ()) -> None:
        """Create a responder.

        Args:
            cors: The rules for pages of other origins.
            errors_url: The base URL of the pages of error codes.
            links: The pages of the listener, to which the pages of errors link.
        """
        self._cors = cors
        self._links = tuple(links)
        self.errors_url = errors_url

    def error_response(self, error: Exception, operation: Operation | None) -> Response:
        """Return the response to an exception: 500 for anything but a refusal, because of a bug."""
        if isinstance(error, BodyTooLarge):
            return plain_error(Code.PAYLOAD_TOO_LARGE, ((b"connection", b"close"),))
        if not isinstance(error, Refusal):
            return plain_error(Code.INTERNAL)
        response = refusal_response(error, self.errors_url)
        if isinstance(error, Unproven):
            return response  # it already has a challenge
        if isinstance(error, Unauthorized) and operation is not None:
            challenge = (b"www-authenticate", operation.authentication.challenge)
            return Response(response.status, response.body, (*response.headers, challenge))
        return response

    async def send(
        self,
        response: Response,
        request_id: str,
        method: str,
        headers: Mapping[bytes, bytes],
        send: Send,
        resource: Resource | None = None,
    ) -> None:
        """Send `response`, with the headers that all responses have.

        Of an event stream the head alone; the caller goes on with its `send_events`.
        A browser that opens the URL of an error gets a page instead of JSON.

        Args:
            response: The response.
            request_id: The id of the request.
            method: The method of the request.
            headers: The headers of the request.
            send: The ASGI channel.
            resource: The operations of the requested path, if there are any.
        """
        if (
            response.status >= 400
            and JSON_TYPE in response.headers
            and is_navigation(method, headers)
        ):
            response = failure_page(response, request_id, self._links, resource)
        body = response.body
        answered = [*response.headers, (b"x-request-id", request_id.encode("ascii"))]
        is_stream = isinstance(response, EventStream)
        # A 204 must not have a length (RFC 9110, section 8.6).
        if response.status != 204 and not is_stream:
            answered.append((b"content-length", b"%d" % len(body)))
        if b"origin" in headers:
            answered += self._cors.headers(headers[b"origin"])
        start = {"type": "http.response.start", "status": response.status, "headers": answered}
        await send(start)
        if is_stream:
            return
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
