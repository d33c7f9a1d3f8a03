"""Fields with a fixed set of values: booleans, enum values, and sets of enum values."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from satmint.http.body_schema import Field, InvalidValue, JsonSchema, ReadContext
from satmint.http.fields.lists import require_strings
from satmint.http.fields.texts import require_string
from satmint.model.claims import SELF_REFRESH
from satmint.model.refusals import Code

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag(Field[bool]):
    """A boolean."""

    def read(self, value: object, context: ReadContext) -> bool:
        """See `Field.read`."""
        if not isinstance(value, bool):
            raise InvalidValue(Code.INVALID_PARAMETER, "must be true or false")
        return value

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf(Field[E], Generic[E]):
    """One value of an enum."""

    words: type[E]

    def read(self, value: object, context: ReadContext) -> E:
        """See `Field.read`."""
        text = require_string(value)
        try:
            return self.words(text)
        except ValueError:
            raise InvalidValue(
                Code.INVALID_PARAMETER, f"must be one of: {_join(self.words)}"
            ) from None

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string", "enum": [word.value for word in self.words]}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOf(Field[frozenset[E]], Generic[E]):
    """A list of enum values."""

    words: type[E]
    code: Code = Code.INVALID_PARAMETER
    allow_empty: bool = True

    def read(self, value: object, context: ReadContext) -> frozenset[E]:
        """See `Field.read`."""
        texts = require_strings(value)
        if not texts and not self.allow_empty:
            raise InvalidValue(self.code, "must not be empty")
        try:
            return frozenset(self.words(text) for text in texts)
        except ValueError:
            raise InvalidValue(self.code, f"must be out of: {_join(self.words)}") from None

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        words = [word.value for word in self.words]
        minimum = {} if self.allow_empty else {"minItems": 1}
        return {"type": "array", "items": {"type": "string", "enum": words}, **minimum}


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfRefresh(Field[bool]):
    """The scope `"sat:refresh"`, or a list of it; read as whether it is present."""

    def read(self, value: object, context: ReadContext) -> bool:
        """See `Field.read`."""
        scopes = [value] if isinstance(value, str) else require_strings(value)
        if any(scope != SELF_REFRESH for scope in scopes):
            raise InvalidValue(Code.INVALID_PARAMETER, f"must be {SELF_REFRESH}")
        return bool(scopes)

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        one: JsonSchema = {"type": "string", "const": SELF_REFRESH}
        return {"anyOf": [one, {"type": "array", "items": one}]}


def _join(words: Sequence[str] | type[StrEnum]) -> str:
    return ", ".join(str(word) for word in words)
