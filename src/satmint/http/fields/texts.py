"""Fields with text: of limited length, of a format, tokens and passwords."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from satmint.flows.passwords import MAX_PASSWORD_BYTES, MIN_PASSWORD_BYTES
from satmint.http.body_schema import Field, InvalidValue, JsonSchema, ReadContext
from satmint.model.naming import is_fingerprint, is_room_name, is_slug
from satmint.model.references import MAX_LENGTH, is_email_reference, reference_error
from satmint.model.refusals import Code


def require_string(value: object) -> str:
    """Return `value` if it is a string.

    Raises:
        InvalidValue: `value` is not a string.
    """
    if not isinstance(value, str):
        raise InvalidValue(Code.NOT_A_STRING, "must be a string")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Field[str]):
    """Text with a maximum length in characters."""

    max_length: int = 255
    allow_empty: bool = True

    def read(self, value: object, context: ReadContext) -> str:
        """See `Field.read`."""
        text = require_string(value)
        if not text and not self.allow_empty:
            raise InvalidValue(Code.INVALID_PARAMETER, "must not be empty")
        if len(text) > self.max_length:
            raise InvalidValue(
                Code.INVALID_PARAMETER, f"must be at most {self.max_length} characters long"
            )
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        shortest = {} if self.allow_empty else {"minLength": 1}
        return {"type": "string", **shortest, "maxLength": self.max_length}


@dataclass(frozen=True, slots=True, kw_only=True)
class FormattedText(Field[str]):
    """Text of a given format."""

    is_valid: Callable[[str], bool]
    message: str
    """The message after the field's label."""
    json_schema: JsonSchema

    def read(self, value: object, context: ReadContext) -> str:
        """See `Field.read`."""
        text = require_string(value)
        if not self.is_valid(text):
            raise InvalidValue(Code.INVALID_PARAMETER, self.message)
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string", **self.json_schema}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceText(Field[str]):
    """A reference, by which subscribers are found: see `satmint.model.references`."""

    only_email: bool = False
    """Whether it must have the form of an e-mail address."""

    def read(self, value: object, context: ReadContext) -> str:
        """See `Field.read`."""
        text = require_string(value)
        message = reference_error(text)
        if message is None and self.only_email and not is_email_reference(text):
            message = "must be an e-mail address"
        if message is not None:
            raise InvalidValue(Code.INVALID_PARAMETER, message)
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`. The forbidden characters within are those of `reference_error`."""
        if self.only_email:
            return {"type": "string", "format": "email", "maxLength": MAX_LENGTH}
        lengths = {"minLength": 1, "maxLength": MAX_LENGTH}
        return {"type": "string", **lengths, "pattern": r"^\S(.*\S)?$"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenText(Field[str]):
    """A token, which a flow validates."""

    format: str | None = None
    """Its `format` in JSON Schema."""

    def read(self, value: object, context: ReadContext) -> str:
        """See `Field.read`."""
        return require_string(value)

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string"} | ({} if self.format is None else {"format": self.format})


@dataclass(frozen=True, slots=True, kw_only=True)
class Password(Field[str]):
    """A new password; an empty string does not change the password."""

    def read(self, value: object, context: ReadContext) -> str:
        """See `Field.read`."""
        text = require_string(value)
        if text and not MIN_PASSWORD_BYTES <= len(text.encode()) <= MAX_PASSWORD_BYTES:
            message = f"must be {MIN_PASSWORD_BYTES} to {MAX_PASSWORD_BYTES} bytes long"
            raise InvalidValue(Code.INVALID_PARAMETER, message)
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string", "format": "password", "maxLength": MAX_PASSWORD_BYTES}


def email(name: str, doc: str, *, required: bool = False) -> ReferenceText:
    """Return a field for an e-mail address."""
    return ReferenceText(name=name, doc=doc, required=required, only_email=True)


def fingerprint(name: str, doc: str) -> FormattedText:
    """Return a field for an RFC 7638 thumbprint."""
    json_schema = {"pattern": "^[A-Za-z0-9_-]{43}$"}
    message = "must be an RFC 7638 SHA-256 thumbprint: 43 characters of A-Z a-z 0-9 _ -"
    return FormattedText(
        name=name, doc=doc, is_valid=is_fingerprint, message=message, json_schema=json_schema
    )


def slug(name: str, doc: str, *, required: bool = False) -> FormattedText:
    """Return a field for a part of `/context/name`."""
    json_schema = {"pattern": "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"}
    message = "must be 1 to 64 lower-case letters, digits and inner hyphens"
    return FormattedText(
        name=name,
        doc=doc,
        required=required,
        is_valid=is_slug,
        message=message,
        json_schema=json_schema,
    )


def room_name(name: str, doc: str, *, required: bool = False) -> FormattedText:
    """Return a field for the name of a conference room."""
    return FormattedText(
        name=name,
        doc=doc,
        required=required,
        is_valid=is_room_name,
        message="must be 1 to 100 characters of A-Z a-z 0-9 _ -",
        json_schema={"pattern": "^[A-Za-z0-9_-]{1,100}$"},
    )


def web_url(name: str, doc: str, *, required: bool = False) -> FormattedText:
    """Return a field for an http or https URL."""
    json_schema = {"format": "uri", "maxLength": 2048}
    message = "must be an http or https URL"
    return FormattedText(
        name=name,
        doc=doc,
        required=required,
        is_valid=_is_web_url,
        message=message,
        json_schema=json_schema,
    )


def _is_web_url(text: str) -> bool:
    if len(text) > 2048 or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
