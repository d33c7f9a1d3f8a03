"""Errors of requests.

How they descend from each other:

    Exception
    └── SignalWireRestError               an answer came, and it is not the one asked for
        ├── SignalWireRestTooLargeError   it is larger than `max_response_bytes`
        └── SignalWireRestTransportError  no answer came
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from satmint_sdk._secrets import one_line, scrub, scrub_json
from satmint_sdk.rest.types import ErrorEntry

_REQUEST_ID_HEADERS: Final = (
    "x-request-id",
    "x-signalwire-request-id",
    "request-id",
    "x-amzn-requestid",
)
_MAX_DETAIL_CHARS: Final = 500

__all__ = ["SignalWireRestError", "SignalWireRestTooLargeError", "SignalWireRestTransportError"]


class SignalWireRestError(Exception):
    """An error response: the status is not 2xx, or the body is not JSON.

    Neither the text of the error nor its body contains a token: text of that format is replaced,
    because errors are logged.

    Attributes:
        status_code: The HTTP status; `None` without a response.
        body: The response's JSON, or its text if it is not JSON.
        url: The URL of the request, with its query.
        method: The HTTP method.
        headers: The response's headers; `None` without a response.
        request_id: The server's id of the request, as in its log.
        errors: The entries of a 422, one for each error; empty for other responses.
    """

    def __init__(
        self,
        status_code: int | None,
        body: object,
        url: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> None:
        self.status_code = status_code
        self.body: object = scrub_json(body)
        self.url: str = scrub(url)
        self.method = method
        self.headers = headers
        self.request_id: str | None = (
            request_id if request_id is not None else request_id_of(headers)
        )
        self.errors: list[ErrorEntry] = _entries(self.body)
        super().__init__(self._sentence())

    @property
    def code(self) -> str | None:
        """The code of the first entry in `errors`, such as `token_expired`."""
        return self.errors[0]["code"] if self.errors else None

    def _sentence(self) -> str:
        detail = "; ".join(_describe(entry) for entry in self.errors) or _text(self.body)
        if self.status_code is None:
            sentence = f"{self.method} {self.url} got no answer: {detail}"
        else:
            sentence = f"{self.method} {self.url} was answered {self.status_code}: {detail}"
        if self.request_id is not None:
            sentence += f" (request id {self.request_id})"
        return one_line(sentence)

    def __reduce__(self) -> tuple[object, ...]:
        return (
            type(self),
            (self.status_code, self.body, self.url, self.method, self.headers, self.request_id),
        )


class SignalWireRestTooLargeError(SignalWireRestError):
    """The response is larger than `max_response_bytes`, and was not read to its end."""


class SignalWireRestTransportError(SignalWireRestError):
    """There was no response: refused, timed out, interrupted, not trusted, or aborted.

    Whether the server did what it was asked is not known.

    Attributes:
        permanent: Whether the cause is on this machine, such as an unknown certificate authority
            or a host name that is none, so that trying again does not help.
    """

    def __init__(
        self, body: object, url: str, method: str = "GET", *, permanent: bool = False
    ) -> None:
        self.permanent = permanent
        super().__init__(None, body, url, method)

    def __reduce__(self) -> tuple[object, ...]:
        state = {"permanent": self.permanent}
        return (type(self), (self.body, self.url, self.method), state)


def request_id_of(headers: Mapping[str, str] | None) -> str | None:
    """The server's id of a request, from the headers of its response."""
    if headers is None:
        return None
    lowered = {name.lower(): value for name, value in headers.items()}
    return next((lowered[name] for name in _REQUEST_ID_HEADERS if name in lowered), None)


def _entries(body: object) -> list[ErrorEntry]:
    """Parse the vendor's 422 format; invalid entries are skipped."""
    found = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(found, list):
        return []
    return [
        ErrorEntry(
            type=_str(entry.get("type")),
            code=_str(entry.get("code")),
            message=_str(entry.get("message")),
            attribute=entry["attribute"] if isinstance(entry.get("attribute"), str) else None,
            url=_str(entry.get("url")),
        )
        for entry in found
        if isinstance(entry, dict) and isinstance(entry.get("code"), str)
    ]


def _str(value: object) -> str:
    return value if isinstance(value, str) else ""


def _describe(entry: ErrorEntry) -> str:
    where = f" ({entry['attribute']})" if entry["attribute"] else ""
    return f"{entry['code']}{where}: {entry['message']}"


def _text(body: object) -> str:
    """A short description of the body."""
    if isinstance(body, dict) and isinstance(body.get("error"), str):
        body = body["error"]
    text = str(body)
    return text if len(text) <= _MAX_DETAIL_CHARS else f"{text[:_MAX_DETAIL_CHARS]}..."
