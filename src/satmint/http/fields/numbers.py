"""Fields with numbers: integers in a range or a set, future times, and durations."""

from dataclasses import dataclass

from satmint.flows.new_sessions import lifetime_error
from satmint.http.body_schema import Field, InvalidValue, JsonSchema, ReadContext
from satmint.model.lifetimes import LATEST_EXPIRY
from satmint.model.refusals import Code


def require_integer(value: object) -> int:
    """Return `value` if it is an integer.

    Raises:
        InvalidValue: `value` is not an integer.
    """
    # In Python, True is an integer; in JSON it is not.
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidValue(Code.INVALID_PARAMETER, "must be an integer")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer(Field[int]):
    """An integer in a range."""

    low: int
    high: int

    def read(self, value: object, context: ReadContext) -> int:
        """See `Field.read`."""
        number = require_integer(value)
        if not self.low <= number <= self.high:
            raise InvalidValue(Code.INVALID_PARAMETER, f"must be from {self.low} to {self.high}")
        return number

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOfIntegers(Field[int]):
    """An integer from a set."""

    values: frozenset[int]

    def read(self, value: object, context: ReadContext) -> int:
        """See `Field.read`."""
        if isinstance(value, bool) or not isinstance(value, int) or value not in self.values:
            listed = ", ".join(map(str, sorted(self.values)))
            raise InvalidValue(Code.INVALID_PARAMETER, f"must be one of: {listed}")
        return value

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "integer", "enum": sorted(self.values)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Field[float]):
    """A number greater than 0 and at most `maximum`."""

    maximum: int

    def read(self, value: object, context: ReadContext) -> float:
        """See `Field.read`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidValue(Code.INVALID_PARAMETER, "must be a number")
        if not 0 < value <= self.maximum:
            message = f"must be greater than 0 and at most {self.maximum}"
            raise InvalidValue(Code.INVALID_PARAMETER, message)
        return float(value)

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "number", "exclusiveMinimum": 0, "maximum": self.maximum}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry(Field[int]):
    """A future time, Unix seconds."""

    def read(self, value: object, context: ReadContext) -> int:
        """See `Field.read`."""
        # In Python, True is an integer; in JSON it is not.
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidValue(Code.INVALID_PARAMETER, "must be an integer")
        if value > LATEST_EXPIRY:
            raise InvalidValue(Code.INVALID_PARAMETER, f"must be less than {LATEST_EXPIRY + 1}")
        kind_max_seconds = self.kind_max_seconds(context)
        field_error = lifetime_error(context.policy, value, context.now, kind_max_seconds)
        if field_error is not None:
            raise InvalidValue(Code.INVALID_PARAMETER, field_error)
        return value

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "integer", "maximum": LATEST_EXPIRY}

    def kind_max_seconds(self, _context: ReadContext) -> int | None:
        """Return the maximum lifetime of a token of this kind; None if it has none of its own."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteExpiry(Expiry):
    """The expiry of an invite, Unix seconds."""

    def kind_max_seconds(self, context: ReadContext) -> int | None:
        """See `Expiry.kind_max_seconds`."""
        return context.policy.max_invite_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds(Field[int]):
    """A duration, of any size: its flow limits it."""

    def read(self, value: object, context: ReadContext) -> int:
        """See `Field.read`."""
        return require_integer(value)

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "integer"}
