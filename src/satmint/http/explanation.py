"""The documentation of an error code."""

from dataclasses import dataclass

from satmint.model.refusals import FieldError


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The texts about one error code."""

    title: str
    meaning: str
    """One or two sentences."""
    when: tuple[str, ...]
    """The situations in which the error occurs."""
    remedy: tuple[str, ...]
    """What to do; the most likely remedy first."""
    field_error: FieldError | None = None
    """An example error, for codes whose responses contain a list of errors."""
