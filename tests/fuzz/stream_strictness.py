"""Why the server refuses requests that h11 takes: each reason, with what the RFC says of it.

h11 tolerates what RFC 9112 lets a recipient tolerate. A proxy in front may read such a request
otherwise, so that what is one request to the one is two to the other; the server refuses it. Each
reason is found in the request by itself, not in what the server says of it. So both are mistakes:
to refuse a request to which none of the reasons applies, and to accept one to which any does.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.fuzz.stream_reference import ReferenceRequest

BARE_CR_OR_LF: Final = re.compile(rb"(?<!\r)\n|\r(?!\n)")
FOLD: Final = re.compile(rb"\n[ \t]")
CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Reason:
    """One way in which the server is stricter than h11."""

    name: str
    section: str
    causes: frozenset[str]
    """What the server may name as the cause."""
    holds: Callable[[ReferenceRequest], bool]

    def __str__(self) -> str:
        return f"{self.name} ({self.section})"
