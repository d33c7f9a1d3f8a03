"""Request bodies of the control endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from satmint.control.clock import EARLIEST, LATEST
from satmint.control.faults import ANY, FaultKind, InjectedFault
from satmint.control.fields import Advance, FaultSchema, OperationId
from satmint.control.refusals import STATUSES
from satmint.http.body_schema import ChoiceSchema
from satmint.http.fields import Flag, Id, Integer, Number, OneOf, OneOfIntegers, TokenText
from satmint.http.upgrades import ROUTE

_MAX_DELAY: Final = 120
_MAX_TIMES: Final = 1_000_000


class ExpiryTarget(StrEnum):
    """Which of a session's tokens expire."""

    ALL = "all"
    SAT = "sat"


class ClockChange(NamedTuple):
    """A change of the clock."""

    advance: int | None
    """Seconds."""
    set: int | None
    """Unix seconds."""
    frozen: bool | None


_ADVANCE: Final = Advance(
    name="advance", doc="The number of seconds to move the clock; negative: back."
)
_SET: Final = Integer(name="set", doc="The time to set, Unix seconds.", low=EARLIEST, high=LATEST)
_FROZEN: Final = Flag(name="frozen", doc="Whether to stop the clock.")
CLOCK: Final = ChoiceSchema(
    "ClockRequest",
    (_ADVANCE, _SET, _FROZEN),
    lambda members: ClockChange(members.get(_ADVANCE), members.get(_SET), members.get(_FROZEN)),
    one_of=("advance", "set", "frozen"),
    exclusive=("advance", "set"),
)


@dataclass(frozen=True, slots=True)
class ExpiryRequest:
    """The tokens to expire: those of a session, named by its id or by a token."""

    token: str | None = field(repr=False)
    session: UUID | None
    what: ExpiryTarget


_TOKEN: Final = TokenText(
    name="token", doc="A token of the session, active or expired. It is not consumed."
)
_SESSION_ID: Final = Id(name="session_id", doc="The id of the session, instead of a token.")
_WHAT: Final = OneOf(
    name="what",
    doc="`sat`: the SATs expire; the refresh token or the key of a bound session can still"
    " refresh. `all`, the default: neither can refresh.",
    words=ExpiryTarget,
)
EXPIRE: Final = ChoiceSchema(
    "ExpireRequest",
    (_TOKEN, _SESSION_ID, _WHAT),
    lambda members: ExpiryRequest(
        members.get(_TOKEN), members.get(_SESSION_ID), members.get(_WHAT) or ExpiryTarget.ALL
    ),
    one_of=("token", "session_id"),
    exclusive=("token", "session_id"),
)

_KIND: Final = OneOf(name="kind", doc="The kind of the fault.", required=True, words=FaultKind)
_TIMES: Final = Integer(
    name="times", doc="The number of requests; 1 by default.", low=1, high=_MAX_TIMES
)
_STATUS: Final = OneOfIntegers(name="status", doc="For `refuse`: the HTTP status.", values=STATUSES)
_RETRY_AFTER: Final = Integer(
    name="retry_after",
    doc="For `refuse`: the seconds in `Retry-After`. By default 1 for status 429 and 503;"
    " otherwise the header is absent.",
    low=0,
    high=86_400,
)
_SECONDS: Final = Number(
    name="seconds", doc="For delays: the number of seconds.", maximum=_MAX_DELAY
)


def fault_schema(operations: Sequence[str]) -> FaultSchema:
    """Return the schema of the body that arms a fault for one of `operations`."""
    operation = OperationId(
        name="operation",
        doc=f"The `operationId` to fail; `{ANY}`, the default: any operation of the API.",
        known=(*operations, ROUTE),
    )
    return FaultSchema(
        "FaultRequest",
        (_KIND, operation, _TIMES, _STATUS, _RETRY_AFTER, _SECONDS),
        lambda members: InjectedFault(
            kind=members[_KIND],
            operation=members.get(operation) or ANY,
            times=members.get(_TIMES) or 1,
            status=members.get(_STATUS),
            retry_after=members.get(_RETRY_AFTER),
            seconds=members.get(_SECONDS),
        ),
    )
