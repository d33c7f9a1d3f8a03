"""Plain values for a request and a response."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from satmint.flows.callers import ApiTokenCaller, SubscriberCaller
from satmint.model.events import Origin
from satmint.model.ids import as_uuid
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable
from satmint.model.secrets import HidesFields

HeaderList = Sequence[tuple[bytes, bytes]]

_encode = msgspec.json.Encoder().encode


class Call(HidesFields, msgspec.Struct):
    """A request to an operation, with its authenticated caller."""

    params: dict[str, str]
    """The values of the path's placeholders."""
    query_string: bytes
    origin: Origin
    headers: Mapping[bytes, bytes]
    """By lower-case name; the last value of a repeated header."""
    principal: ApiTokenCaller | SubscriberCaller | None = None
    header_lines: HeaderList = ()
    """All headers, in the order of the request."""
    peer: str = ""
    """The IP address at the other end of the connection, which may be a proxy's."""

    def header_values(self, name: bytes) -> list[str]:
        """Return the values of a header, one for each occurrence."""
        return [value.decode("latin-1") for line, value in self.header_lines if line == name]

    @property
    def web_origin(self) -> str | None:
        """The `Origin` header (RFC 6454, section 7)."""
        value = self.headers.get(b"origin")
        return None if value is None else value.decode("latin-1")

    @property
    def host(self) -> str:
        """The `Host` header (RFC 9110, section 7.2), which the caller chooses."""
        return self.headers.get(b"host", b"").decode("latin-1")

    @property
    def caller(self) -> ApiTokenCaller:
        """The backend that calls; only for operations that require an API token."""
        if not isinstance(self.principal, ApiTokenCaller):
            raise TypeError("this operation is not for backends")
        return self.principal

    @property
    def holder(self) -> SubscriberCaller:
        """The holder of a SAT that calls; only for operations that require a SAT."""
        if not isinstance(self.principal, SubscriberCaller):
            raise TypeError("this operation is not for holders of a SAT")
        return self.principal

    @property
    def caller_or_holder(self) -> ApiTokenCaller | SubscriberCaller:
        """The caller; only for operations that accept an API token or a SAT."""
        if self.principal is None:
            raise TypeError("this operation admits anyone")
        return self.principal

    def path_id(self, name: str) -> UUID:
        """Return the UUID in a placeholder of the path.

        Raises:
            NotFound: the value is not a UUID, so no resource can have this path.
        """
        found = as_uuid(self.params[name])
        if found is None:
            raise NotFound("not_an_id")
        return found

    def query(self) -> dict[str, str]:
        """Return the parameters of the query string.

        Raises:
            Unprocessable: the query string is not UTF-8, contains NUL, or repeats a parameter.
        """
        try:
            pairs = parse_qsl(
                self.query_string.decode("ascii"),
                keep_blank_values=True,
                encoding="utf-8",
                errors="strict",
                max_num_fields=32,
            )
        except ValueError as error:
            raise Unprocessable(
                FieldError(Code.INVALID_PARAMETER, "The query string is malformed")
            ) from error
        if any("\0" in text for pair in pairs for text in pair):
            # As in bodies: PostgreSQL has no text with NUL.
            raise Unprocessable(FieldError(Code.INVALID_PARAMETER, "The query string contains NUL"))
        values = dict(pairs)
        if len(values) != len(pairs):
            raise Unprocessable(
                FieldError(Code.INVALID_PARAMETER, "The query string names a parameter twice")
            )
        return values


class Response(msgspec.Struct, frozen=True):
    """The response to a request."""

    status: int
    body: bytes = b""
    headers: HeaderList = ()


JSON_TYPE = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")


def json_response(status: int, value: object, headers: HeaderList = ()) -> Response:
    """Return a response with `value` as its JSON body."""
    return Response(status, _encode(value), (JSON_TYPE, *headers))
