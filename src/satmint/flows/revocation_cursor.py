"""Cursors of the feed of revocations: where a client that connects again goes on.

A cursor names a position in the audit trail below which the client has everything. It is good for a
day, on every node that has the same database and the same keys.
"""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

CURSOR_SECONDS: Final = 86_400 - 300
"""For how long a cursor is good: a day, in which audit events are kept, less some minutes by which
the time of an event may be before that of a cursor."""
_AHEAD_SECONDS: Final = 300
"""How far the clock of the node that made a cursor may be ahead of this one's."""
_CURSOR: Final = re.compile(r"([0-9a-f]{16})-([0-9a-f]{1,12})-([0-9a-f]{1,16})", re.ASCII)


class Cursor(NamedTuple):
    """The contents of a cursor."""

    context: str
    """See `context_of`."""
    at: int
    """Unix seconds."""
    position: int

    def encode(self) -> str:
        """The text of the cursor."""
        return f"{self.context}-{self.at:x}-{self.position:x}"

    def is_good(self, context: str, now: int) -> bool:
        """Whether a client can go on from here, as far as the database is not asked."""
        age = now - self.at
        return self.context == context and -_AHEAD_SECONDS <= age <= CURSOR_SECONDS


def parse_cursor(text: str) -> Cursor | None:
    """The cursor with this text. None: it is none."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        return None
    context, at, position = match.groups()
    return Cursor(context, int(at, 16), int(position, 16))


def context_of(incarnation: UUID, project: UUID, keys: Iterable[str]) -> str:
    """What a cursor holds for: a project in an incarnation of a database, with these master keys.

    A key that is removed ends tokens without an event of the database. So a client that was away
    meanwhile begins anew.
    """
    text = "\n".join((str(incarnation), str(project), *sorted(keys)))
    return sha256(text.encode()).hexdigest()[:16]
