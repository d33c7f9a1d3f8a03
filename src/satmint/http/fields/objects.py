"""Fields with times as text, and with objects of any members."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from satmint.http.body_schema import Field, InvalidValue, JsonSchema, ReadContext
from satmint.http.fields.texts import require_string
from satmint.model.refusals import Code
from satmint.model.times import iso

_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_MAX_DEPTH: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Time(Field[int]):
    """A time in RFC 3339 from 1970 on; read as Unix seconds, without a fraction."""

    def read(self, value: object, context: ReadContext) -> int:
        """See `Field.read`."""
        text = require_string(value)
        invalid = InvalidValue(
            Code.INVALID_PARAMETER, "must be a time in RFC 3339, such as 2026-01-31T09:30:00Z"
        )
        if not _RFC_3339.fullmatch(text):
            raise invalid
        try:
            seconds = int(datetime.fromisoformat(text.upper()).timestamp())
            iso(seconds)  # a time zone can move it out of the range of years
        except (ValueError, OverflowError) as error:
            raise invalid from error
        if seconds < 0:
            raise invalid
        return seconds

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string", "format": "date-time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyObject(Field[dict[str, Any]]):
    """A JSON object of any members, of limited length as compact JSON."""

    max_length: int

    def read(self, value: object, context: ReadContext) -> dict[str, Any]:
        """See `Field.read`."""
        if not isinstance(value, dict):
            raise InvalidValue(Code.INVALID_PARAMETER, "must be an object")
        if _is_deeper(value, _MAX_DEPTH):
            message = f"must not be nested deeper than {_MAX_DEPTH} levels"
            raise InvalidValue(Code.INVALID_PARAMETER, message)
        if len(msgspec.json.encode(value).decode()) > self.max_length:
            message = f"must be at most {self.max_length} characters long as JSON"
            raise InvalidValue(Code.INVALID_PARAMETER, message)
        return value

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "object", "additionalProperties": True}


def _is_deeper(value: object, levels: int) -> bool:
    """Whether objects and lists are nested in more than `levels` levels."""
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(item, levels - 1) for item in items)
