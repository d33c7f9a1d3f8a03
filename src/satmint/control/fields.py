"""The kinds of members that the control endpoint's bodies have, beside those of the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from satmint.control.clock import EARLIEST, LATEST
from satmint.control.faults import ANY, FaultKind
from satmint.flows.mint import Mint
from satmint.http.fields import a_string
from satmint.http.shapes import Field, JsonSchema, Shape, Wrong, label
from satmint.http.upgrades import ROUTE
from satmint.model.refusals import Code, Fault

_FARTHEST: Final = LATEST - EARLIEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Field[int]):
    """An integer within bounds."""

    low: int
    high: int

    def read(self, value: object, mint: Mint) -> int:
        """See `Field.read`."""
        # In Python, True is an integer; in JSON it is not.
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong(Code.INVALID_PARAMETER, "must be an integer")
        if not self.low <= value <= self.high:
            raise Wrong(Code.INVALID_PARAMETER, f"must be from {self.low} to {self.high}")
        return value

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance(Field[int]):
    """By how many seconds the clock is moved, within the years that it knows."""

    def read(self, value: object, mint: Mint) -> int:
        """See `Field.read`."""
        seconds = Whole(doc=self.doc, low=-_FARTHEST, high=_FARTHEST).read(value, mint)
        if not EARLIEST <= mint.clock.now() + seconds <= LATEST:
            raise Wrong(Code.INVALID_PARAMETER, "must not lead out of the years 2000 to 2099")
        return seconds

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "integer", "minimum": -_FARTHEST, "maximum": _FARTHEST}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(Field[float]):
    """A time to wait, in seconds and parts of one."""

    longest: int

    def read(self, value: object, mint: Mint) -> float:
        """See `Field.read`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Wrong(Code.INVALID_PARAMETER, "must be a number")
        if not 0 < value <= self.longest:
            says = f"must be greater than 0 and at most {self.longest}"
            raise Wrong(Code.INVALID_PARAMETER, says)
        return float(value)

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "number", "exclusiveMinimum": 0, "maximum": self.longest}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Field[int]):
    """One of a few HTTP statuses."""

    statuses: frozenset[int]

    def read(self, value: object, mint: Mint) -> int:
        """See `Field.read`."""
        if isinstance(value, bool) or not isinstance(value, int) or value not in self.statuses:
            listed = ", ".join(map(str, sorted(self.statuses)))
            raise Wrong(Code.INVALID_PARAMETER, f"must be one of: {listed}")
        return value

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "integer", "enum": sorted(self.statuses)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationId(Field[str]):
    """What a request goes by: its operation's id, or one name for all calls of the API."""

    known: tuple[str, ...]

    def read(self, value: object, mint: Mint) -> str:
        """See `Field.read`."""
        text = a_string(value)
        if text not in (ANY, *self.known):
            raise Wrong(Code.INVALID_PARAMETER, f"must be {ANY} or one of: {', '.join(self.known)}")
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string", "enum": [ANY, *self.known]}


_DELAYS: Final = (FaultKind.DELAY_ANSWER, FaultKind.DELAY_REQUEST)
_GOES_WITH: Final[Mapping[str, tuple[FaultKind, ...]]] = {
    "status": (FaultKind.REFUSE,),
    "retry_after": (FaultKind.REFUSE,),
    "seconds": _DELAYS,
}
_NEEDED: Final = ("status", "seconds")
_OF_SOCKETS: Final = (FaultKind.DELAY_REQUEST, FaultKind.REFUSE)
"""What an upgrade can meet; what is open is cut."""


class FaultShape(Shape):
    """A fault: which members it has depends on its kind."""

    def read(self, members: Mapping[str, object], mint: Mint) -> tuple[dict[str, Any], list[Fault]]:
        """See `Shape.read`."""
        values, faults = super().read(members, mint)
        kind = values.get("kind")
        if kind is not None and values.get("operation") == ROUTE and kind not in _OF_SOCKETS:
            message = f"Kind must be {' or '.join(_OF_SOCKETS)} for {ROUTE}"
            faults.append(Fault(Code.INVALID_PARAMETER, message, "kind"))
        for name, kinds in _GOES_WITH.items():
            if kind in kinds:
                if name in _NEEDED and name not in members:
                    message = "Required parameter is missing"
                    faults.append(Fault(Code.MISSING_REQUIRED_PARAMETER, message, name))
            elif kind is not None and name in members:
                message = f"{label(name)} goes with {' and '.join(kinds)} only"
                faults.append(Fault(Code.INVALID_PARAMETER, message, name))
        return values, faults


@dataclass(frozen=True)  # no slots: they would leave `super()` with another class
class ChoiceShape(Shape):
    """A body that needs one of some members, of which some exclude each other."""

    needed: tuple[str, ...] = ()
    """Of these, at least one."""
    rivals: tuple[str, ...] = ()
    """Of these, at most one."""

    def read(self, members: Mapping[str, object], mint: Mint) -> tuple[dict[str, Any], list[Fault]]:
        """See `Shape.read`."""
        values, faults = super().read(members, mint)
        first, *others = [name for name in self.rivals if name in members] or [""]
        for name in others:
            message = f"{label(name)} must not be given beside {first}"
            faults.append(Fault(Code.INVALID_PARAMETER, message, name))
        if members.keys().isdisjoint(self.needed):
            message = f"Required parameter is missing: one of {', '.join(self.needed)}"
            faults.append(Fault(Code.MISSING_REQUIRED_PARAMETER, message))
        return values, faults
