"""Whether what came back for a wire case is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.kit.wire_answers import Answer
from tests.kit.wire_cases import Case, Expected

_REFUSALS: Final = (400, 413, 414, 431, 501, 505)
"""Of requests that cannot be read; the server knows that the connection ends with the answer."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came back for one form of a case."""

    answers: tuple[Answer, ...]
    closed: bool
    """Whether the server closed the connection."""
    malformed: str | None = None
    """What is wrong with the bytes behind the answers, or with the connection."""

    @property
    def outcome(self) -> list[tuple[int, bytes]]:
        """What may not depend on the segments: statuses, and the bodies of errors."""
        return [
            (answer.status, (answer.body or b"") if answer.status >= 400 else b"")
            for answer in self.answers
            if not answer.is_interim
        ]


def decide_rotation(case: Case, made: Exchange, *, given: bool = True) -> list[str]:
    """What is wrong with what came back; nothing if it is right.

    Args:
        case: What was sent.
        made: What came back. Where the connection stays open, the last answer is that to a request
            which follows the case and asks for the end of the connection.
        given: Whether the segments were those of the case.
    """
    answers = list(made.answers)
    found = [problem for answer in answers for problem in answer.problems()]
    if made.malformed is not None:
        found.append(made.malformed)
    request_ids = [value for answer in answers for value in answer.headers.get("x-request-id", ())]
    if len(set(request_ids)) < len(request_ids):
        found.append("two answers with one X-Request-Id")
    if case.after == "open":
        if made.closed and answers and answers[-1].status == 200 and answers[-1].closes:
            answers.pop()
        else:
            found.append("no further request is served")
    elif case.after == "closed":
        found += _problems_of_the_end(answers, closed=made.closed)
    last = None if case.after == "open" or not answers else answers[-1]
    if any(answer.closes and answer is not last for answer in answers):
        found.append("Connection: close in an answer that is not the last")
    pairs = _pair(case.answers, answers, lenient=bool(case.segmented) and not given)
    if pairs is None:
        wanted = [list(expected.statuses) for expected in case.answers]
        found.append(f"answered {[answer.status for answer in answers]}, expected {wanted}")
    else:
        found += [problem for pair in pairs for problem in _problems_of(*pair)]
    return found


def _problems_of_the_end(answers: Sequence[Answer], *, closed: bool) -> list[str]:
    if not closed:
        return ["the connection is not closed"]
    if answers and answers[-1].status in _REFUSALS and not answers[-1].closes:
        return [f"{answers[-1].status} that closes without Connection: close"]
    return []


def _pair(
    expected: Sequence[Expected], answers: Sequence[Answer], *, lenient: bool
) -> list[tuple[Expected, Answer]] | None:
    """Each answer with what is expected of it; None if their statuses do not match."""
    pairs, left = [], list(answers)
    for one in expected:
        if left and left[0].status in one.statuses:
            pairs.append((one, left.pop(0)))
        elif not (one.optional or (lenient and one.is_interim)):
            return None
    return None if left else pairs


def _problems_of(expected: Expected, answer: Answer) -> list[str]:
    """Why an answer that has one of the statuses is not right."""
    found = []
    if expected.contains and expected.contains.encode() not in (answer.body or b""):
        found.append(f"{answer.status} whose body is without {expected.contains!r}")
    if not expected.body and answer.body is not None:
        found.append(f"{answer.status} with content that must have none")
    if expected.header is not None:
        name, operator, value = expected.header
        values = answer.headers.get(name.lower(), [])
        wanted = [] if value is None else [value]
        if (values == wanted) != (operator == "=="):
            found.append(f"{answer.status} with {name} {values}, not {operator} {value!r}")
    return found
