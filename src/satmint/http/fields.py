"""The kinds of members that request bodies have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from satmint.flows.mint import Mint
from satmint.flows.opening import lifetime_fault
from satmint.flows.passwords import LONGEST_BYTES, SHORTEST_BYTES
from satmint.http.shapes import Field, JsonSchema, Wrong
from satmint.model.claims import SELF_REFRESH
from satmint.model.ids import as_uuid
from satmint.model.lifetimes import LATEST_EXPIRY
from satmint.model.naming import is_email, is_fingerprint, is_origin, is_slug
from satmint.model.refusals import Code

MOST_ADDRESSES: Final = 10

E = TypeVar("E", bound=StrEnum)


def a_string(value: object) -> str:
    """`value`, if it is a string.

    Raises:
        Wrong: it is not.
    """
    if not isinstance(value, str):
        raise Wrong(Code.NOT_A_STRING, "must be a string")
    return value


def strings(value: object) -> list[str]:
    """`value`, if it is a list of strings.

    Raises:
        Wrong: it is not.
    """
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Wrong(Code.NOT_AN_ARRAY_OF_STRINGS, "must be an array of strings")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Field[str]):
    """Text of limited length, counted in characters."""

    longest: int = 255
    may_be_empty: bool = True

    def read(self, value: object, mint: Mint) -> str:
        """See `Field.read`."""
        text = a_string(value)
        if not text and not self.may_be_empty:
            raise Wrong(Code.INVALID_PARAMETER, "must not be empty")
        if len(text) > self.longest:
            raise Wrong(Code.INVALID_PARAMETER, f"must be at most {self.longest} characters long")
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        shortest = {} if self.may_be_empty else {"minLength": 1}
        return {"type": "string", **shortest, "maxLength": self.longest}


@dataclass(frozen=True, slots=True, kw_only=True)
class FormedText(Field[str]):
    """Text of a certain form."""

    is_formed: Callable[[str], bool]
    says: str
    """The message after the field's label."""
    form: JsonSchema

    def read(self, value: object, mint: Mint) -> str:
        """See `Field.read`."""
        text = a_string(value)
        if not self.is_formed(text):
            raise Wrong(Code.INVALID_PARAMETER, self.says)
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string", **self.form}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenText(Field[str]):
    """A token, which only a flow can judge."""

    def read(self, value: object, mint: Mint) -> str:
        """See `Field.read`."""
        return a_string(value)

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry(Field[int]):
    """A future time, Unix seconds."""

    def read(self, value: object, mint: Mint) -> int:
        """See `Field.read`."""
        # In Python, True is an integer; in JSON it is not.
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong(Code.INVALID_PARAMETER, "must be an integer")
        if value > LATEST_EXPIRY:
            raise Wrong(Code.INVALID_PARAMETER, f"must be less than {LATEST_EXPIRY + 1}")
        fault = lifetime_fault(mint, value, mint.clock.now())
        if fault is not None:
            raise Wrong(Code.INVALID_PARAMETER, fault)
        return value

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "integer", "maximum": LATEST_EXPIRY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds(Field[int | None]):
    """A length of time. Null, which the vendor's browser SDK sends, is as good as absent."""

    def read(self, value: object, mint: Mint) -> int | None:
        """See `Field.read`."""
        if isinstance(value, bool) or not isinstance(value, int | None):
            raise Wrong(Code.INVALID_PARAMETER, "must be an integer")
        return value

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"anyOf": [{"type": "integer"}, {"type": "null"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Id(Field[UUID]):
    """A UUID."""

    def read(self, value: object, mint: Mint) -> UUID:
        """See `Field.read`."""
        parsed = as_uuid(a_string(value))
        if parsed is None:
            raise Wrong(Code.INVALID_PARAMETER, "must be a UUID")
        return parsed

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string", "format": "uuid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressIds(Field[tuple[UUID, ...]]):
    """One to ten UUIDs of addresses; a repeated one counts once (seed 3)."""

    def read(self, value: object, mint: Mint) -> tuple[UUID, ...]:
        """See `Field.read`."""
        texts = strings(value)
        if not texts:
            raise Wrong(Code.INVALID_PARAMETER, "must not be empty")
        if len(texts) > MOST_ADDRESSES:
            says = f"must hold at most {MOST_ADDRESSES} addresses"
            raise Wrong(Code.ALLOWED_ADDRESS_LIMIT_EXCEEDED, says)
        parsed = [as_uuid(text) for text in texts]
        ids = dict.fromkeys(item for item in parsed if item is not None)
        if None in parsed:
            raise Wrong(Code.INVALID_PARAMETER, "must be UUIDs")
        return tuple(ids)

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        item = {"type": "string", "format": "uuid"}
        return {"type": "array", "items": item, "minItems": 1, "maxItems": MOST_ADDRESSES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Password(Field[str]):
    """A new password; the empty string leaves the present one as it is."""

    def read(self, value: object, mint: Mint) -> str:
        """See `Field.read`."""
        text = a_string(value)
        if text and not SHORTEST_BYTES <= len(text.encode()) <= LONGEST_BYTES:
            says = f"must be {SHORTEST_BYTES} to {LONGEST_BYTES} bytes long"
            raise Wrong(Code.INVALID_PARAMETER, says)
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string", "format": "password", "maxLength": LONGEST_BYTES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Region(Field[str]):
    """One of the regions that this deployment knows."""

    def read(self, value: object, mint: Mint) -> str:
        """See `Field.read`."""
        text = a_string(value)
        if text not in mint.policy.regions:
            known = ", ".join(sorted(mint.policy.regions))
            raise Wrong(Code.UNSUPPORTED_REGION, f"must be one of: {known}")
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterHost(Field[str]):
    """A region, or a cluster host of this deployment; read as the host, empty where it has none."""

    def read(self, value: object, mint: Mint) -> str:
        """See `Field.read`."""
        text = a_string(value)
        if text in mint.policy.regions:
            return mint.policy.cluster_host_of(text) or ""
        if text not in mint.policy.cluster_hosts:
            raise Wrong(Code.UNSUPPORTED_REGION, "must be a region or a cluster host")
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfRefresh(Field[bool]):
    """`"sat:refresh"`, or a list of it; read as whether it is there."""

    def read(self, value: object, mint: Mint) -> bool:
        """See `Field.read`."""
        scopes = [value] if isinstance(value, str) else strings(value)
        if any(scope != SELF_REFRESH for scope in scopes):
            raise Wrong(Code.INVALID_PARAMETER, f"must be {SELF_REFRESH}")
        return bool(scopes)

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        one: JsonSchema = {"type": "string", "const": SELF_REFRESH}
        return {"anyOf": [one, {"type": "array", "items": one}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf(Field[E], Generic[E]):
    """One of a closed set of words."""

    words: type[E]

    def read(self, value: object, mint: Mint) -> E:
        """See `Field.read`."""
        text = a_string(value)
        try:
            return self.words(text)
        except ValueError:
            raise Wrong(Code.INVALID_PARAMETER, f"must be one of: {_listed(self.words)}") from None

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string", "enum": [word.value for word in self.words]}


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeOf(Field[frozenset[E]], Generic[E]):
    """A list of words out of a closed set."""

    words: type[E]
    code: Code = Code.INVALID_PARAMETER

    def read(self, value: object, mint: Mint) -> frozenset[E]:
        """See `Field.read`."""
        texts = strings(value)
        try:
            return frozenset(self.words(text) for text in texts)
        except ValueError:
            raise Wrong(self.code, f"must be out of: {_listed(self.words)}") from None

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        words = [word.value for word in self.words]
        return {"type": "array", "items": {"type": "string", "enum": words}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins(Field[tuple[str, ...]]):
    """Web origins (RFC 6454)."""

    def read(self, value: object, mint: Mint) -> tuple[str, ...]:
        """See `Field.read`."""
        texts = strings(value)
        if len(texts) > 50 or not all(is_origin(text) for text in texts):
            raise Wrong(Code.INVALID_PARAMETER, "must be up to 50 web origins, https://host[:port]")
        return tuple(dict.fromkeys(texts))

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "array", "items": {"type": "string"}, "maxItems": 50}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag(Field[bool]):
    """True or false."""

    def read(self, value: object, mint: Mint) -> bool:
        """See `Field.read`."""
        if not isinstance(value, bool):
            raise Wrong(Code.INVALID_PARAMETER, "must be true or false")
        return value

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "boolean"}


def email(doc: str, *, required: bool = False) -> FormedText:
    """An e-mail address."""
    form = {"format": "email", "maxLength": 255}
    says = "must be an e-mail address"
    return FormedText(doc=doc, required=required, is_formed=is_email, says=says, form=form)


def fingerprint(doc: str) -> FormedText:
    """An RFC 7638 thumbprint."""
    form = {"pattern": "^[A-Za-z0-9_-]{43}$"}
    says = "must be an RFC 7638 SHA-256 thumbprint: 43 characters of A-Z a-z 0-9 _ -"
    return FormedText(doc=doc, is_formed=is_fingerprint, says=says, form=form)


def slug(doc: str, *, required: bool = False) -> FormedText:
    """A name that can stand in an address."""
    form = {"pattern": "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"}
    says = "must be 1 to 64 lower-case letters, digits and inner hyphens"
    return FormedText(doc=doc, required=required, is_formed=is_slug, says=says, form=form)


def web_url(doc: str, *, required: bool = False) -> FormedText:
    """An http or https URL."""
    form = {"format": "uri", "maxLength": 2048}
    says = "must be an http or https URL"
    return FormedText(doc=doc, required=required, is_formed=_is_web_url, says=says, form=form)


def _is_web_url(text: str) -> bool:
    if len(text) > 2048 or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _listed(words: Sequence[str] | type[StrEnum]) -> str:
    return ", ".join(str(word) for word in words)
