r"""Wire cases: bytes that are sent to a server, and the answers that are right.

A file of cases is a JSON object with `cases`, a list of objects:

- `name`, and `why` with the section of the RFC.
- `segments`: what is sent, one string for each segment. A character is a byte (ISO 8859-1).
  `{GOOD}` stands for the Basic credentials of a project in base64, and `{text*n}` for `text` n
  times; the innermost braces are expanded first.
- `answers`: all that come back, in order. Each has `status`, a number, or a list where the RFC
  leaves a choice. It may have `contains`, a part of its body; `header`, a list of name, `==` or
  `!=`, and value (null: the field is absent); `body`, false if no content may follow its head;
  `optional`, true for an interim answer that a server may leave out.
- `after`: `open` if the connection serves another request, `closed` if the server closes it, `any`
  if the RFC leaves the choice.
- `segmented`, if the answers depend on the segments: the reason. Other forms than the given one may
  then lack the interim answers, and choose another status of a list.

Each case is sent in several forms, which differ in their segments alone, and has the same answers
in all of them.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

_GIVEN_PAUSE: Final = 0.05
_GIVEN_PAUSES: Final = 1.0
"""Seconds of all pauses together, where there are many segments."""
_SPLIT_PAUSE: Final = 0.005
_BYTE_PAUSE: Final = 0.001
_MOST_PIECES: Final = 400
"""What is longer is sent in equal pieces in place of single bytes."""
_RANDOM_FORMS: Final = 2
_MOST_CUTS: Final = 8
_REPEAT: Final = re.compile(r"\{([^{}]*)\*([0-9]+)\}")
_INTERIM: Final = (100,)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is right for one answer."""

    statuses: tuple[int, ...]
    contains: str = ""
    header: tuple[str, str, str | None] | None = None
    """Name, `==` or `!=`, and value; None: the field is absent."""
    body: bool = True
    """False if no content may follow the head."""
    optional: bool = False

    @classmethod
    def read(cls, given: dict[str, Any]) -> "Expected":
        """From its JSON."""
        status = given["status"]
        statuses = (status,) if isinstance(status, int) else tuple(status)
        header = given.get("header")
        if header is not None:
            name, operator, value = header
            assert operator in ("==", "!="), f"unknown operator {operator}"
            header = (name, operator, value)
        return cls(
            statuses,
            given.get("contains", ""),
            header,
            given.get("body", True),
            given.get("optional", False),
        )

    @property
    def is_interim(self) -> bool:
        """Whether another answer to the same request follows."""
        return self.statuses == _INTERIM


@dataclass(frozen=True, slots=True)
class Case:
    """What is sent on a connection of its own, and what must come back."""

    name: str
    why: str
    segments: tuple[str, ...]
    answers: tuple[Expected, ...]
    after: str
    segmented: str = ""

    @classmethod
    def read(cls, given: dict[str, Any]) -> "Case":
        """From its JSON."""
        after = given["after"]
        assert after in ("open", "closed", "any"), f"{given['name']}: after {after}"
        return cls(
            given["name"],
            given["why"],
            tuple(given["segments"]),
            tuple(Expected.read(answer) for answer in given["answers"]),
            after,
            given.get("segmented", ""),
        )

    @property
    def final_answers(self) -> int:
        """How many requests are answered."""
        return sum(not expected.is_interim for expected in self.answers)


def load_cases(path: Path) -> list[Case]:
    """The cases of a file, or of every file of a folder."""
    paths = sorted(path.glob("*.json")) if path.is_dir() else [path]
    return [
        Case.read(given)
        for one in paths
        for given in json.loads(one.read_text(encoding="utf-8"))["cases"]
    ]


@dataclass(frozen=True, slots=True)
class Form:
    """One way to cut a case's bytes into segments."""

    name: str
    pieces: tuple[bytes, ...]
    pause: float
    """Seconds between two pieces."""
    waits: bool = False
    """Whether the client waits for the interim answers that it expects."""


def expand(segment: str, credentials: str) -> bytes:
    """The bytes of a segment."""
    text = segment.replace("{GOOD}", credentials)
    while (longer := _REPEAT.sub(lambda found: found[1] * int(found[2]), text)) != text:
        text = longer
    return text.encode("latin-1")


def forms(case: Case, credentials: str) -> Iterator[Form]:
    """The given form first, then the others; the random ones are the same in every run."""
    given = tuple(expand(segment, credentials) for segment in case.segments)
    data = b"".join(given)
    waits = any(one.is_interim and not one.optional for one in case.answers)
    yield Form("given", given, min(_GIVEN_PAUSE, _GIVEN_PAUSES / len(given)), waits)
    if len(given) > 1:
        yield Form("whole", (data,), 0)
    for number in range(1, _RANDOM_FORMS + 1):
        chooser = random.Random(f"{case.name}/{number}")
        points = range(1, len(data))
        cuts = sorted(chooser.sample(points, min(len(points), chooser.randint(1, _MOST_CUTS))))
        pieces = tuple(data[start:end] for start, end in pairwise([0, *cuts, len(data)]))
        yield Form(f"random {number}", pieces, _SPLIT_PAUSE)
    size = -(-len(data) // _MOST_PIECES)
    pieces = tuple(data[start : start + size] for start in range(0, len(data), size))
    yield Form("bytes" if size == 1 else f"{size} bytes", pieces, _BYTE_PAUSE)
