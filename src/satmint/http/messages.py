"""A request and a response, as plain values."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from satmint.flows.callers import Caller, Holder
from satmint.model.events import Origin
from satmint.model.ids import as_uuid
from satmint.model.refusals import Code, Fault, NotFound, Unprocessable

HeaderList = Sequence[tuple[bytes, bytes]]

_encode = msgspec.json.Encoder().encode


class Call(msgspec.Struct):
    """A request that has been let in: who calls, with what."""

    params: dict[str, str]
    """What the path's placeholders stand for."""
    query_string: bytes
    origin: Origin
    headers: Mapping[bytes, bytes]
    """By lower-case name; of one that is repeated, the last."""
    who: Caller | Holder | None = None
    form: dict[str, Any] = {}
    """The checked members of the body; absent ones are absent here."""
    header_lines: HeaderList = ()
    """The headers as they came."""

    def __repr__(self) -> str:
        return "Call(hidden)"  # credentials in its headers, passwords and tokens in its form

    def all_of(self, name: bytes) -> list[str]:
        """The values of a header, one for each time that it came."""
        return [value.decode("latin-1") for line, value in self.header_lines if line == name]

    @property
    def web_origin(self) -> str | None:
        """The `Origin` header (RFC 6454, section 7)."""
        value = self.headers.get(b"origin")
        return None if value is None else value.decode("latin-1")

    @property
    def host(self) -> str:
        """The `Host` header (RFC 9110, section 7.2): what the caller takes this server to be."""
        return self.headers.get(b"host", b"").decode("latin-1")

    @property
    def caller(self) -> Caller:
        """The backend that calls, where the operation admits nobody else."""
        if not isinstance(self.who, Caller):
            raise TypeError("this operation is not for backends")
        return self.who

    @property
    def holder(self) -> Holder:
        """The holder of a SAT who calls, where the operation admits nobody else."""
        if not isinstance(self.who, Holder):
            raise TypeError("this operation is not for holders of a SAT")
        return self.who

    @property
    def caller_or_holder(self) -> Caller | Holder:
        """Whoever calls, where the operation admits both."""
        if self.who is None:
            raise TypeError("this operation admits anyone")
        return self.who

    def path_id(self, name: str) -> UUID:
        """The UUID that the path names.

        Raises:
            NotFound: it names none, and there is nothing under what is no id.
        """
        found = as_uuid(self.params[name])
        if found is None:
            raise NotFound("not_an_id")
        return found

    def query(self) -> dict[str, str]:
        """The query string's parameters.

        Raises:
            Unprocessable: it is not UTF-8, or names a parameter twice.
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
                Fault(Code.INVALID_PARAMETER, "The query string is malformed")
            ) from error
        values = dict(pairs)
        if len(values) != len(pairs):
            raise Unprocessable(
                Fault(Code.INVALID_PARAMETER, "The query string names a parameter twice")
            )
        return values


class Response(msgspec.Struct, frozen=True):
    """What goes back."""

    status: int
    body: bytes = b""
    headers: HeaderList = ()


JSON_TYPE = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")


def json_response(status: int, value: object, headers: HeaderList = ()) -> Response:
    """`value` as JSON."""
    return Response(status, _encode(value), (JSON_TYPE, *headers))
