"""Filters of lists in query strings, beyond the vendor's API.

Each function reads one parameter, and adds an error that names it if its value is not valid.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID

from satmint.flows.lookup import find_subscriber
from satmint.flows.service_context import ServiceContext
from satmint.http.call import Call
from satmint.http.paging import parameter_error
from satmint.model.ids import as_uuid
from satmint.model.naming import is_fingerprint
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable
from satmint.model.times import read_time

E = TypeVar("E", bound=StrEnum)

FINGERPRINT: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]{43}$",
    "description": "Only sessions bound to the key with this RFC 7638 thumbprint.",
}


def time_parameter(description: str) -> dict[str, Any]:
    """Return the description of a parameter that `read_time_parameter` reads."""
    return {"type": "string", "description": f"{description} RFC 3339, or Unix seconds."}


def subscriber_parameter(description: str) -> dict[str, Any]:
    """Return the description of a parameter that `read_subscriber` reads."""
    return {
        "type": "string",
        "minLength": 1,
        "description": f"{description} An id or a reference; of a deleted subscriber only its id.",
    }


def read_revocation_query(call: Call, known: Collection[str]) -> dict[str, str]:
    """Return the parameters of a request that revokes everything if it has no filter.

    A filter that is mistyped, or sent in a body, which such a request does not have, must not
    revoke everything.

    Args:
        call: The request.
        known: The names of the filters.

    Raises:
        Unprocessable: there is a parameter that is not known, or a body.
    """
    query = call.query()
    errors = [
        parameter_error(name, "is not a known parameter")
        for name in sorted(query.keys() - set(known))
    ]
    length = call.headers.get(b"content-length", b"0")
    if length.strip() != b"0" or b"transfer-encoding" in call.headers:
        message = "Filters are parameters of the query, not of a body"
        errors.append(FieldError(Code.INVALID_PARAMETER, message))
    if errors:
        raise Unprocessable(*errors)
    return query


def read_choice(
    query: Mapping[str, str], name: str, kinds: type[E], errors: list[FieldError]
) -> E | None:
    """Return the value of a parameter that is one of an enumeration."""
    text = query.get(name)
    if text is None or text in set(kinds):
        return None if text is None else kinds(text)
    errors.append(parameter_error(name, f"must be one of: {_listed(kinds)}"))
    return None


def read_choices(
    query: Mapping[str, str], name: str, kinds: type[E], errors: list[FieldError]
) -> frozenset[E]:
    """Return the values of a parameter that are members of an enumeration, separated by commas."""
    if name not in query:
        return frozenset()
    texts = query[name].split(",")
    if set(texts) <= set(kinds):
        return frozenset(kinds(text) for text in texts)
    message = f"must be one or several of these, separated by commas: {_listed(kinds)}"
    errors.append(parameter_error(name, message))
    return frozenset()


def read_boolean(query: Mapping[str, str], name: str, errors: list[FieldError]) -> bool | None:
    """Return the value of a parameter that is `true` or `false`."""
    text = query.get(name)
    if text in (None, "true", "false"):
        return None if text is None else text == "true"
    errors.append(parameter_error(name, "must be one of: true, false"))
    return None


def read_time_parameter(
    query: Mapping[str, str], name: str, errors: list[FieldError]
) -> int | None:
    """Return the value of a parameter that is a time, in Unix seconds."""
    text = query.get(name)
    found = None if text is None else read_time(text)
    if text is not None and found is None:
        message = "must be a time such as 2026-12-01T08:30:00Z, or Unix seconds"
        errors.append(parameter_error(name, message))
    return found


def read_id(query: Mapping[str, str], name: str, errors: list[FieldError]) -> UUID | None:
    """Return the value of a parameter that is an id."""
    text = query.get(name)
    found = None if text is None else as_uuid(text)
    if text is not None and found is None:
        errors.append(parameter_error(name, "must be a UUID"))
    return found


def read_fingerprint(query: Mapping[str, str], name: str, errors: list[FieldError]) -> str | None:
    """Return the value of a parameter that is the thumbprint of a key."""
    text = query.get(name)
    if text is None or is_fingerprint(text):
        return text
    errors.append(parameter_error(name, "must be an RFC 7638 SHA-256 thumbprint"))
    return None


def read_text(query: Mapping[str, str], name: str, errors: list[FieldError]) -> str | None:
    """Return the value of a parameter that is any text but the empty one."""
    text = query.get(name)
    if text == "":
        errors.append(parameter_error(name, "must not be empty"))
        return None
    return text


async def read_subscriber(
    services: ServiceContext,
    project: UUID,
    query: Mapping[str, str],
    name: str,
    errors: list[FieldError],
) -> UUID | None:
    """Return the id of the subscriber that a parameter names by id or reference.

    An id need not be that of a subscriber: it may have been deleted.
    """
    text = query.get(name)
    if text is None:
        return None
    try:
        return (await find_subscriber(services.store, project, text)).id
    except NotFound:
        found = as_uuid(text)
    if found is None:
        message = (
            "must be the id or the reference of a subscriber of this project;"
            " name a deleted subscriber by its id"
        )
        errors.append(parameter_error(name, message))
    return found


def _listed(kinds: Iterable[StrEnum]) -> str:
    return ", ".join(kind.value for kind in kinds)
