"""Schemas of request bodies: strict parsing with all errors reported, and JSON Schema output.

Null for an optional member means that the member is absent, in every body: typed clients, the
vendor's browser SDK among them, send null for what they do not set.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Generic, TypeVar, cast

from satmint.flows.policy import Policy
from satmint.model.refusals import Code, FieldError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

JsonSchema = dict[str, Any]

_DEFAULT_POLICY: Final = Policy()
_MAX_UNKNOWN_LISTED: Final = 16
_MAX_NAME_LENGTH: Final = 64


class InvalidValue(Exception):
    """A value that a field does not accept; with the field's name it becomes a `FieldError`."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        """The message after the field's label: «must be an integer»."""


@dataclass(frozen=True, slots=True)
class ReadContext:
    """The data, in addition to a value, on which its validity depends."""

    now: int
    """Unix seconds."""
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(ABC, Generic[T_co]):
    """One member of a body."""

    name: str
    doc: str
    required: bool = False

    @abstractmethod
    def read(self, value: object, context: ReadContext) -> T_co:
        """Validate `value` and convert it to the type that the flows take.

        Raises:
            InvalidValue: `value` is not valid for this field.
        """

    @abstractmethod
    def schema(self) -> JsonSchema:
        """Return the JSON Schema (2020-12) of valid values, null not among them."""

    def schema_for(self, _policy: Policy) -> JsonSchema:
        """Return the same, where the operator's rules limit the values."""
        return self.schema()


def label(name: str) -> str:
    """Return a member's name as error messages write it: `expire_at` is «Expire At»."""
    return name.replace("_", " ").title()


class Members:
    """The members of a body that were read without an error, by their fields."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def __repr__(self) -> str:
        return "Members(hidden)"  # passwords and tokens are among them

    def __getitem__(self, field: Field[T]) -> T:
        """Return the value of a required member of a body without errors.

        Raises:
            KeyError: the member is absent or invalid.
        """
        return cast("T", self._values[field.name])

    def get(self, field: Field[T]) -> T | None:
        """Return the value of a member; None if it is absent or invalid."""
        return cast("T | None", self._values.get(field.name))

    def get_by_name(self, name: str) -> object:
        """Return the value of the member `name`; None if it is absent or invalid."""
        return self._values.get(name)


class BodySchema(Generic[T_co]):
    """A JSON object with known members, read as a `T_co`; any other member is an error."""

    def __init__(
        self, name: str, fields: Iterable[Field[Any]], build: Callable[[Members], T_co]
    ) -> None:
        """Declare a schema.

        Args:
            name: The name in OpenAPI.
            fields: The members, in the order of the documentation.
            build: Creates the value from members without errors.
        """
        self.name = name
        self.fields: Mapping[str, Field[Any]] = {field.name: field for field in fields}
        self.build = build

    def read(
        self, members: Mapping[str, object], context: ReadContext
    ) -> tuple[Members, list[FieldError]]:
        """Return the valid members, and all errors."""
        members = self.given(members)
        values: dict[str, object] = {}
        field_errors: list[FieldError] = []
        for name, field in self.fields.items():
            if name not in members:
                if field.required:
                    message = "Required parameter is missing"
                    field_errors.append(FieldError(Code.MISSING_REQUIRED_PARAMETER, message, name))
                continue
            try:
                values[name] = field.read(members[name], context)
            except InvalidValue as invalid:
                field_errors.append(
                    FieldError(invalid.code, f"{label(name)} {invalid.message}", name)
                )
        if not members.keys() <= self.fields.keys():
            field_errors += self._unknown(members)
        read = Members(values)
        return read, field_errors + self.combination_errors(members, read)

    def combination_errors(self, _given: Mapping[str, object], _read: Members) -> list[FieldError]:
        """Return the errors of members that are valid, but not in this combination.

        Args:
            _given: The members of the body, without those that are absent because of null.
            _read: The valid ones among them.
        """
        return []

    def schema(self, policy: Policy = _DEFAULT_POLICY) -> JsonSchema:
        """Return the JSON Schema of the object, for a server with these rules of the operator."""
        return {
            "type": "object",
            "properties": {
                name: {**_schema_of(field, policy), "description": field.doc}
                for name, field in self.fields.items()
            },
            "required": [name for name, field in self.fields.items() if field.required],
            "additionalProperties": False,
        }

    def given(self, members: Mapping[str, T]) -> Mapping[str, T]:
        """Return the members without the optional ones that are null."""
        if None not in members.values():
            return members
        optional = {name for name, field in self.fields.items() if not field.required}
        return {
            name: value
            for name, value in members.items()
            if value is not None or name not in optional
        }

    def _unknown(self, members: Mapping[str, object]) -> list[FieldError]:
        """Return errors for unknown members, since a mistyped optional one would be ignored."""
        field_errors = []
        for name in [name for name in members if name not in self.fields][:_MAX_UNKNOWN_LISTED]:
            shown = name[:_MAX_NAME_LENGTH]
            matches = get_close_matches(shown, self.fields, n=1)
            hint = f"; did you mean {matches[0]}?" if matches else ""
            message = f"{label(shown)} is not a known parameter{hint}"
            field_errors.append(FieldError(Code.INVALID_PARAMETER, message, shown))
        return field_errors


class ChoiceSchema(BodySchema[T_co]):
    """A body that requires at least one of several members, some of which exclude each other."""

    def __init__(
        self,
        name: str,
        fields: Iterable[Field[Any]],
        build: Callable[[Members], T_co],
        *,
        one_of: tuple[str, ...],
        exclusive: tuple[str, ...],
    ) -> None:
        """Declare a schema.

        Args:
            name: The name in OpenAPI.
            fields: The members, in the order of the documentation.
            build: Creates the value from members without errors.
            one_of: At least one of these members is required.
            exclusive: At most one of these members is allowed.
        """
        super().__init__(name, fields, build)
        self.one_of = one_of
        self.exclusive = exclusive

    def combination_errors(self, given: Mapping[str, object], _read: Members) -> list[FieldError]:
        """See `BodySchema.combination_errors`."""
        field_errors = []
        first, *others = [name for name in self.exclusive if name in given] or [""]
        for name in others:
            message = f"{label(name)} cannot be combined with {first}"
            field_errors.append(FieldError(Code.INVALID_PARAMETER, message, name))
        if given.keys().isdisjoint(self.one_of):
            message = f"Required parameter is missing: one of {', '.join(self.one_of)}"
            field_errors.append(FieldError(Code.MISSING_REQUIRED_PARAMETER, message))
        return field_errors


def _schema_of(field: Field[Any], policy: Policy) -> JsonSchema:
    """Return the JSON Schema of a member, with null if it is optional."""
    schema = field.schema_for(policy)
    if field.required:
        return schema
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    words = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **words}
