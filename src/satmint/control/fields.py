"""Field types for the control endpoint's request bodies, in addition to those of the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from satmint.control.clock import EARLIEST, LATEST
from satmint.control.faults import ANY, FaultKind, InjectedFault
from satmint.http.body_schema import (
    BodySchema,
    Field,
    InvalidValue,
    JsonSchema,
    Members,
    ReadContext,
    label,
)
from satmint.http.fields import Integer, require_string
from satmint.http.upgrades import ROUTE
from satmint.model.refusals import Code, FieldError

T_co = TypeVar("T_co", covariant=True)

_MAX_ADVANCE: Final = LATEST - EARLIEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance(Field[int]):
    """The seconds to move the clock by; the result must be within the clock's range."""

    def read(self, value: object, context: ReadContext) -> int:
        """See `Field.read`."""
        seconds = Integer(name=self.name, doc=self.doc, low=-_MAX_ADVANCE, high=_MAX_ADVANCE).read(
            value, context
        )
        if not EARLIEST <= context.now + seconds <= LATEST:
            raise InvalidValue(
                Code.INVALID_PARAMETER, "must keep the clock in the years 2000 to 2099"
            )
        return seconds

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "integer", "minimum": -_MAX_ADVANCE, "maximum": _MAX_ADVANCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationId(Field[str]):
    """The id of an operation, or the one name for all operations of the API."""

    known: tuple[str, ...]

    def read(self, value: object, context: ReadContext) -> str:
        """See `Field.read`."""
        text = require_string(value)
        if text not in (ANY, *self.known):
            raise InvalidValue(
                Code.INVALID_PARAMETER, f"must be {ANY} or one of: {', '.join(self.known)}"
            )
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string", "enum": [ANY, *self.known]}


_DELAYS: Final = (FaultKind.DELAY_ANSWER, FaultKind.DELAY_REQUEST)
_MEMBER_KINDS: Final[Mapping[str, tuple[FaultKind, ...]]] = {
    "status": (FaultKind.REFUSE,),
    "retry_after": (FaultKind.REFUSE,),
    "seconds": _DELAYS,
}
_NEEDED: Final = ("status", "seconds")
_UPGRADE_KINDS: Final = (FaultKind.DELAY_REQUEST, FaultKind.REFUSE)
"""The faults for WebSocket upgrades. An open connection is cut with `cut-sockets` instead."""


class FaultSchema(BodySchema[InjectedFault]):
    """The body that arms a fault. The fault's kind decides which members are allowed."""

    def combination_errors(self, given: Mapping[str, object], read: Members) -> list[FieldError]:
        """See `BodySchema.combination_errors`."""
        field_errors = []
        kind = read.get_by_name("kind")
        if (
            kind is not None
            and read.get_by_name("operation") == ROUTE
            and kind not in _UPGRADE_KINDS
        ):
            message = f"Kind must be {' or '.join(_UPGRADE_KINDS)} for {ROUTE}"
            field_errors.append(FieldError(Code.INVALID_PARAMETER, message, "kind"))
        for name, kinds in _MEMBER_KINDS.items():
            if kind in kinds:
                if name in _NEEDED and name not in given:
                    message = "Required parameter is missing"
                    field_errors.append(FieldError(Code.MISSING_REQUIRED_PARAMETER, message, name))
            elif kind is not None and name in given:
                message = f"{label(name)} is allowed only for {' and '.join(kinds)}"
                field_errors.append(FieldError(Code.INVALID_PARAMETER, message, name))
        return field_errors
