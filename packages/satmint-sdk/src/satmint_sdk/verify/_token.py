"""What is known about a token that was verified."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A SAT that is good now. It is not the token, and may be logged.

    Attributes:
        subscriber: Id of the subscriber, a UUID. Guests and visitors have one, too.
        project: Id of the project, a UUID.
        session: Id of the session, a UUID: what `satmint session revoke` takes.
        kind: `subscriber`, `guest`, `invite` or `embed`.
        scope: The scopes, such as `sat:refresh`.
        addresses: Ids of the only addresses that it is good for; `None` if it names none.
        expiry: When it expires, in seconds since the epoch.
        jkt: Thumbprint (RFC 7638) of the key that it is bound to; `None` if it is not bound.
    """

    subscriber: str
    project: str
    session: str
    kind: str
    scope: frozenset[str]
    addresses: tuple[str, ...] | None
    expiry: int
    jkt: str | None


class Terms(NamedTuple):
    """What ends a token beside its session. Many tokens have the same.

    Attributes:
        epoch: The subscriber's revocation epoch that the token has.
        project_epoch: The project's revocation epoch that its session has.
        also: What else it depends on: ids beside those of session, subscriber and project.
    """

    epoch: int
    project_epoch: int
    also: tuple[str, ...]


class Answer:
    """An answer for an active token that may be kept.

    Attributes:
        token: What it says.
        terms: What ends the token.
        asked: How far the feed was when the question was sent, or where it was found since that
            nothing had ended the token.
        ends: When it is no longer kept, by the monotonic clock.
    """

    __slots__ = ("asked", "ends", "terms", "token")

    def __init__(self, token: VerifiedToken, terms: Terms, asked: int, ends: float) -> None:
        self.token = token
        self.terms = terms
        self.asked = asked
        self.ends = ends


class NotAnAnswer(Exception):
    """The server has said something that no satmint server says."""


def read_answer(found: Any, asked: int, ends: float) -> Answer | None:
    """An answer from what introspection says; `None` if the token is not an active SAT.

    Args:
        found: One introspection.
        asked: How far the feed was when the question was sent.
        ends: When it is no longer kept at the latest, by the monotonic clock.

    Raises:
        NotAnAnswer: It is not what satmint says.
    """
    try:
        if found["active"] is not True or found["token_type"] != _SAT:
            return None
        subscriber, project, session = found["sub"], found["project_id"], found["session_id"]
        named = {subscriber, project, session}
        addresses = found.get("allowed_addresses")
        token = VerifiedToken(
            subscriber=str(subscriber),
            project=sys.intern(str(project)),
            session=str(session),
            kind=sys.intern(str(found["kind"])),
            scope=_scope(str(found.get("scope", ""))),
            addresses=None if addresses is None else _same(tuple(map(str, addresses))),
            expiry=int(found["exp"]),
            jkt=_jkt(found.get("cnf")),
        )
        also = tuple(str(one) for one in found["depends_on"] if one not in named)
        terms = Terms(int(found["epoch"]), int(found["project_epoch"]), also)
        return Answer(token, _same(terms), asked, ends)
    except (KeyError, TypeError, ValueError, AttributeError) as failed:
        raise NotAnAnswer(f"introspection without {failed}") from None


def _jkt(confirmation: Any) -> str | None:
    """The thumbprint of `cnf` (RFC 9449, section 6.1).

    Raises:
        KeyError: The token is bound to something else: who ignores that accepts a stolen token.
    """
    return None if confirmation is None else str(confirmation["jkt"])


T = TypeVar("T", bound=tuple[Any, ...])

_SAT: Final = "SAT"


@lru_cache(256)
def _scope(text: str) -> frozenset[str]:
    return frozenset(text.split())


@lru_cache(1024)
def _same(value: T) -> T:
    """One object for all that are equal, which many answers share."""
    return value
