"""Fields with ids or lists."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.http.body_schema import Field, InvalidValue, JsonSchema, ReadContext
from satmint.http.fields.texts import require_string
from satmint.model.ids import as_uuid
from satmint.model.refusals import Code
from satmint.model.web_addresses import InvalidWebAddress, normal_origin

MAX_ADDRESSES: Final = 10


def require_strings(value: object) -> list[str]:
    """Return `value` if it is a list of strings.

    Raises:
        InvalidValue: `value` is not a list of strings.
    """
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidValue(Code.NOT_AN_ARRAY_OF_STRINGS, "must be an array of strings")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Id(Field[UUID]):
    """A UUID."""

    def read(self, value: object, context: ReadContext) -> UUID:
        """See `Field.read`."""
        parsed = as_uuid(require_string(value))
        if parsed is None:
            raise InvalidValue(Code.INVALID_PARAMETER, "must be a UUID")
        return parsed

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string", "format": "uuid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressIds(Field[tuple[UUID, ...]]):
    """One to ten UUIDs of addresses; duplicates count once (seed 3)."""

    def read(self, value: object, context: ReadContext) -> tuple[UUID, ...]:
        """See `Field.read`."""
        texts = require_strings(value)
        if not texts:
            raise InvalidValue(Code.INVALID_PARAMETER, "must not be empty")
        if len(texts) > MAX_ADDRESSES:
            message = f"must hold at most {MAX_ADDRESSES} addresses"
            raise InvalidValue(Code.ALLOWED_ADDRESS_LIMIT_EXCEEDED, message)
        parsed = [as_uuid(text) for text in texts]
        ids = dict.fromkeys(item for item in parsed if item is not None)
        if None in parsed:
            raise InvalidValue(Code.INVALID_PARAMETER, "must be UUIDs")
        return tuple(ids)

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        item = {"type": "string", "format": "uuid"}
        return {"type": "array", "items": item, "minItems": 1, "maxItems": MAX_ADDRESSES}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTexts(Field[tuple[str, ...]]):
    """Tokens, each of which a flow validates."""

    most: int

    def read(self, value: object, context: ReadContext) -> tuple[str, ...]:
        """See `Field.read`."""
        texts = require_strings(value)
        if len(texts) > self.most:
            raise InvalidValue(Code.INVALID_PARAMETER, f"must be up to {self.most} tokens")
        return tuple(texts)

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "array", "items": {"type": "string"}, "maxItems": self.most}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins(Field[tuple[str, ...]]):
    """Web origins (RFC 6454), in the form in which browsers send them."""

    def read(self, value: object, context: ReadContext) -> tuple[str, ...]:
        """See `Field.read`."""
        texts = require_strings(value)
        invalid = InvalidValue(
            Code.INVALID_PARAMETER, "must be up to 50 web origins, https://host[:port]"
        )
        if len(texts) > 50:
            raise invalid
        try:
            return tuple(dict.fromkeys(map(normal_origin, texts)))
        except InvalidWebAddress as error:
            raise invalid from error

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "array", "items": {"type": "string"}, "maxItems": 50}
