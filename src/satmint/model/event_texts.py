"""What every kind of event tells of: one entry for each kind, all of it here.

The reference shows these texts. Backticks mark code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from satmint.model.events import EventKind

Member = Literal["subscriber_id", "session_id", "subject_id", "generation", "cause"]
"""Members of an event that not every kind sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventText:
    """A kind of event in words."""

    happened: str
    """What happened."""
    tells: Mapping[Member, str]
    """The members that are set, with what they mean here; empty: what they mean everywhere."""


def _of_session(generation: str, cause: str = "") -> Mapping[Member, str]:
    tells: dict[Member, str] = {"subscriber_id": "", "session_id": "", "generation": generation}
    return {**tells, "cause": cause} if cause else tells


_PRESENTED: Final = _of_session(
    "that of the token that came", "`head=` and the session's newest generation"
)
_SHOWN: Final = _of_session("that of the SAT that was shown")
_SUBJECT_API: Final[Mapping[Member, str]] = {"subject_id": "the API token"}
_SUBJECT_C2C: Final[Mapping[Member, str]] = {"subject_id": "the Click-to-Call token"}
_SUBJECT_WEBHOOK: Final[Mapping[Member, str]] = {"subject_id": "the webhook"}

EVENT_TEXTS: Final[Mapping[EventKind, EventText]] = {
    EventKind.ISSUED: EventText(
        happened=(
            "A session was opened: a subscriber signed in, or a guest, an invitee or a visitor of a"
            " page got a token."
        ),
        tells={
            **_of_session("0"),
            "subject_id": "the subscriber who invited, or the Click-to-Call token of the page",
        },
    ),
    EventKind.REFRESHED: EventText(
        happened="A refresh token was exchanged for a new pair.",
        tells=_of_session("that of the new pair"),
    ),
    EventKind.REPLAYED: EventText(
        happened=(
            "The refresh token before the newest came again and was answered with the pair that"
            " there is already: an answer was lost, or two calls met."
        ),
        tells=_PRESENTED,
    ),
    EventKind.REUSE_DETECTED: EventText(
        happened=(
            "A spent refresh token came that no lost answer accounts for: two parties may hold the"
            " session. It was revoked."
        ),
        tells=_PRESENTED,
    ),
    EventKind.BOUND: EventText(
        happened="A session that named no key was bound, for good, to the one that was proven.",
        tells=_SHOWN,
    ),
    EventKind.DEVICE_TOKEN_ISSUED: EventText(
        happened=(
            "A Client Bound SAT was issued for a proof of the session's key. The same answer, given"
            " again, is not told of."
        ),
        tells=_SHOWN,
    ),
    EventKind.KEY_MISMATCH: EventText(
        happened=(
            "Somebody showed a SAT with a proof of another key than its session is bound to, and"
            " was refused. The session goes on. What comes from one address beyond"
            " `failures_per_minute` is refused and not told of."
        ),
        tells=_SHOWN,
    ),
    EventKind.DOWNGRADE_REFUSED: EventText(
        happened=(
            "On the gateway, a connection that was let in with a proof was to go on without one, or"
            " with a SAT that is not bound to its key, and was refused. The session goes on. What"
            " comes from one address beyond `failures_per_minute` is refused and not told of."
        ),
        tells={
            "subscriber_id": "",
            "session_id": "that of the SAT that was shown",
            "generation": "likewise",
        },
    ),
    EventKind.SESSION_REVOKED: EventText(
        happened=(
            "A session was revoked, by its id or by a token of it; or, without `session_id`, all"
            " sessions of a subscriber that are bound to one key."
        ),
        tells={"subscriber_id": "", "session_id": "where it is one"},
    ),
    EventKind.PROJECT_REVOKED: EventText(
        happened="Every session that the project had was revoked.", tells={}
    ),
    EventKind.SUBSCRIBER_REVOKED: EventText(
        happened="Everything that had been issued to a subscriber was revoked.",
        tells={"subscriber_id": ""},
    ),
    EventKind.SUBSCRIBER_DELETED: EventText(
        happened="A subscriber was deleted, with its addresses and its sessions.",
        tells={"subscriber_id": ""},
    ),
    EventKind.API_TOKEN_CREATED: EventText(happened="An API token was made.", tells=_SUBJECT_API),
    EventKind.API_TOKEN_UPDATED: EventText(
        happened="The name or the permissions of an API token were set.", tells=_SUBJECT_API
    ),
    EventKind.API_TOKEN_DELETED: EventText(
        happened="An API token was deleted.", tells=_SUBJECT_API
    ),
    EventKind.C2C_TOKEN_CREATED: EventText(
        happened="A Click-to-Call token was made.", tells=_SUBJECT_C2C
    ),
    EventKind.C2C_TOKEN_DISABLED: EventText(
        happened=(
            "A Click-to-Call token was disabled. What was made with it goes on until it expires."
        ),
        tells=_SUBJECT_C2C,
    ),
    EventKind.KEY_ROTATED: EventText(
        happened="`satmint keys rotate` had another key of the keyring take over.",
        tells={"cause": "the id of the key that is active now"},
    ),
    EventKind.KEY_RETIRED: EventText(
        happened=(
            "`satmint keys retire` removed a key from the keyring: what was made with it stops"
            " opening."
        ),
        tells={"cause": "the id of the key that was removed"},
    ),
    EventKind.WEBHOOK_CREATED: EventText(happened="A webhook was made.", tells=_SUBJECT_WEBHOOK),
    EventKind.WEBHOOK_DELETED: EventText(
        happened="A webhook was deleted, with what it was still to be told.",
        tells=_SUBJECT_WEBHOOK,
    ),
    EventKind.C2C_TOKEN_DELETED: EventText(
        happened=(
            "A Click-to-Call token was deleted. What was made with it goes on until it expires."
        ),
        tells=_SUBJECT_C2C,
    ),
}
"""By kind. A test says that none is missing, none is left over, and that `tells` is true."""
