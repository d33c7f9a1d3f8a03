"""Request bodies as declared shapes: read strictly, every fault found, described for OpenAPI."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Generic, TypeVar

from satmint.flows.mint import Mint
from satmint.model.refusals import Code, Fault

T_co = TypeVar("T_co", covariant=True)

JsonSchema = dict[str, Any]

_UNKNOWN_LISTED: Final = 16
_NAME_SHOWN: Final = 64


class Wrong(Exception):
    """A value that a field does not take; `fault` needs only the field's name to be complete."""

    def __init__(self, code: Code, says: str) -> None:
        super().__init__(says)
        self.code = code
        self.says = says
        """The message after the field's label: «must be an integer»."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(ABC, Generic[T_co]):
    """One member of a body."""

    doc: str
    required: bool = False

    @abstractmethod
    def read(self, value: object, mint: Mint) -> T_co:
        """The value as the flows take it.

        Raises:
            Wrong: it is not of this kind.
        """

    @abstractmethod
    def schema(self) -> JsonSchema:
        """JSON Schema (2020-12) of what is taken."""


def label(name: str) -> str:
    """A member's name as messages say it: `expire_at` is «Expire At»."""
    return name.replace("_", " ").title()


@dataclass(frozen=True, slots=True)
class Shape:
    """A JSON object with known members; any other member is a fault."""

    name: str
    """Its name in OpenAPI."""
    fields: Mapping[str, Field[Any]]

    def read(self, members: Mapping[str, object], mint: Mint) -> tuple[dict[str, Any], list[Fault]]:
        """The members that are right, and a fault for each thing that is not."""
        values: dict[str, Any] = {}
        faults: list[Fault] = []
        for name, field in self.fields.items():
            if name not in members:
                if field.required:
                    message = "Required parameter is missing"
                    faults.append(Fault(Code.MISSING_REQUIRED_PARAMETER, message, name))
                continue
            try:
                values[name] = field.read(members[name], mint)
            except Wrong as wrong:
                faults.append(Fault(wrong.code, f"{label(name)} {wrong.says}", name))
        if not members.keys() <= self.fields.keys():
            faults += self._unknown(members)
        return values, faults

    def schema(self) -> JsonSchema:
        """JSON Schema of the object."""
        return {
            "type": "object",
            "properties": {
                name: {**field.schema(), "description": field.doc}
                for name, field in self.fields.items()
            },
            "required": [name for name, field in self.fields.items() if field.required],
            "additionalProperties": False,
        }

    def _unknown(self, members: Mapping[str, object]) -> list[Fault]:
        """Mistyped members: silently taking the default instead would be worse."""
        faults = []
        for name in [name for name in members if name not in self.fields][:_UNKNOWN_LISTED]:
            shown = name[:_NAME_SHOWN]
            near = get_close_matches(shown, self.fields, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            message = f"{label(shown)} is not a known parameter{hint}"
            faults.append(Fault(Code.INVALID_PARAMETER, message, shown))
        return faults
