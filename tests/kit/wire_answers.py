"""HTTP/1.1 answers as they are on the wire, read strictly (RFC 9112)."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

STATUS_LINE: Final = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [\x20-\x7e]*")
FIELD_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e]*?)[ \t]*")
_BEGINNING: Final = re.compile(rb"HTTP/1\.1 (?:101|[2-5][0-9]{2}) ")
_WITHOUT_CONTENT: Final = (204, 304)
_LISTED: Final = {"type", "code", "message", "attribute", "url"}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int
    headers: dict[str, list[str]]
    """The values of each field, by its name in lower case."""
    body: bytes | None
    """None where no content followed the head: an answer to HEAD, an interim one, a 204."""

    @property
    def is_interim(self) -> bool:
        """Whether another answer to the same request follows."""
        return self.status < 200 and self.status != 101

    @property
    def closes(self) -> bool:
        """Whether it says that the connection ends with it."""
        options = ",".join(self.headers.get("connection", ())).lower().split(",")
        return "close" in (option.strip() for option in options)

    def problems(self) -> list[str]:
        """What the contract asks of every answer and this one does not have."""
        if self.is_interim:
            return []
        found = []
        if len(self.headers.get("x-request-id", ())) != 1:
            found.append(f"{self.status} without one X-Request-Id")
        if self.status >= 400 and self.body is not None:
            if self.headers.get("content-type") != ["application/json"]:
                found.append(f"{self.status} that is not application/json")
            if not _is_error(self.body):
                found.append(f"{self.status} without the shape of an error: {self.body[:80]!r}")
        return found


def read_answers(data: bytes, *, ended: bool) -> tuple[list[Answer], str | None]:
    """The answers that `data` consists of, and what is wrong with the rest, if anything.

    An answer to HEAD has a length and no content: the next answer or the end follows its head.

    Args:
        data: All bytes of a connection, from its beginning.
        ended: Whether no more will come. Until then, an incomplete answer is not wrong.
    """
    answers: list[Answer] = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return answers, f"an incomplete head: {data[:80]!r}" if ended else None
        try:
            status, headers = _read_head(head)
        except ValueError as error:
            return answers, str(error)
        if status < 200 or status in _WITHOUT_CONTENT:
            answers.append(Answer(status, headers, None))
            data = rest
            continue
        lengths = headers.get("content-length", [])
        if len(lengths) != 1 or not lengths[0].isdecimal() or "transfer-encoding" in headers:
            return answers, f"a {status} that is not framed by one Content-Length"
        length = int(lengths[0])
        if length and (rest.startswith(b"HTTP/1.") or (ended and not rest)):
            answers.append(Answer(status, headers, None))
            data = rest
        elif len(rest) >= length:
            answers.append(Answer(status, headers, rest[:length]))
            data = rest[length:]
        else:
            return answers, f"a {status} that is incomplete" if ended else None
    return answers, None


def count_answers(data: bytes | bytearray) -> int:
    """How many answers have begun, interim ones not counted; cheap, for deciding when to go on."""
    return len(_BEGINNING.findall(data))


def _read_head(head: bytes) -> tuple[int, dict[str, list[str]]]:
    """Status and fields.

    Raises:
        ValueError: it is malformed.
    """
    first, *lines = head.split(b"\r\n")
    status_line = STATUS_LINE.fullmatch(first)
    if status_line is None:
        raise ValueError(f"not an answer: {first[:80]!r}")
    headers: dict[str, list[str]] = {}
    for line in lines:
        field = FIELD_LINE.fullmatch(line)
        if field is None:
            raise ValueError(f"a malformed field line: {line[:80]!r}")
        headers.setdefault(field[1].decode().lower(), []).append(field[2].decode())
    return int(status_line[1]), headers


def _is_error(body: bytes) -> bool:
    """Whether a body is an error as section 2.1 of the contract has it."""
    try:
        error: Any = json.loads(body)
    except ValueError:
        return False
    match error:
        case {"error": str(sentence), **others}:
            return bool(sentence) and not others
        case {"errors": [*entries], **others}:
            return bool(entries) and not others and all(set(one) == _LISTED for one in entries)
        case _:
            return False
