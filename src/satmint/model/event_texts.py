"""The description of every kind of event: one entry for each kind.

The reference documentation shows these texts. Backticks mark code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from satmint.model.events import EventKind

Member = Literal["subscriber_id", "session_id", "subject_id", "generation", "cause"]
"""Members that only some kinds of events set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventText:
    """The description of a kind of event."""

    description: str
    """What the event records."""
    members: Mapping[Member, str]
    """The members that are set, with their meaning for this kind; empty for the usual meaning."""


def _of_session(generation: str, cause: str = "") -> Mapping[Member, str]:
    members: dict[Member, str] = {"subscriber_id": "", "session_id": "", "generation": generation}
    return {**members, "cause": cause} if cause else members


_OF_REFRESH_TOKEN: Final = _of_session(
    "of the presented token", "`head=` and the session's newest generation"
)
_OF_SAT: Final = _of_session("of the presented SAT")
_SUBJECT_API: Final[Mapping[Member, str]] = {"subject_id": "the API token"}
_SUBJECT_C2C: Final[Mapping[Member, str]] = {"subject_id": "the Click-to-Call token"}
_SUBJECT_WEBHOOK: Final[Mapping[Member, str]] = {"subject_id": "the webhook"}

EVENT_TEXTS: Final[Mapping[EventKind, EventText]] = {
    EventKind.ISSUED: EventText(
        description=(
            "A session was opened: a subscriber signed in, or a token was issued to a guest, an"
            " invitee or an embed visitor."
        ),
        members={
            **_of_session("0"),
            "subject_id": "the inviting subscriber, or the Click-to-Call token",
        },
    ),
    EventKind.REFRESHED: EventText(
        description="A refresh token was exchanged for a new pair.",
        members=_of_session("of the new pair"),
    ),
    EventKind.REPLAYED: EventText(
        description=(
            "The previous refresh token was presented again and the existing pair was returned: a"
            " response was lost, or two requests were concurrent. Only the first replay of a"
            " generation is recorded."
        ),
        members=_OF_REFRESH_TOKEN,
    ),
    EventKind.REUSE_DETECTED: EventText(
        description=(
            "A used refresh token was presented again, expired or not, and a lost response cannot"
            " explain it, or came too late to be repeated: two parties may share the session. The"
            " session was revoked."
        ),
        members=_of_session(
            "of the presented token",
            "`replay_window_over` if the new pair was not in use and `replay_seconds` had passed;"
            " otherwise `head=` and the session's newest generation",
        ),
    ),
    EventKind.BOUND: EventText(
        description="An unbound session was permanently bound to the key of the proof.",
        members=_OF_SAT,
    ),
    EventKind.DEVICE_TOKEN_ISSUED: EventText(
        description=(
            "A Client Bound SAT was issued for a proof of the session's key. A repeated response is"
            " not recorded."
        ),
        members=_OF_SAT,
    ),
    EventKind.KEY_MISMATCH: EventText(
        description=(
            "A SAT was presented with a proof of a key that its session is not bound to. The"
            " request was refused; the session remains active. Beyond `failures_per_minute`,"
            " requests from one address are refused but not recorded."
        ),
        members=_OF_SAT,
    ),
    EventKind.DOWNGRADE_REFUSED: EventText(
        description=(
            "A gateway connection that was authenticated with a proof tried to reauthenticate"
            " without one, or with a SAT that is not bound to its key. The request was refused; the"
            " session remains active. Beyond `failures_per_minute`, requests from one address are"
            " refused but not recorded."
        ),
        members={
            "subscriber_id": "",
            "session_id": "of the presented SAT",
            "generation": "of the presented SAT",
        },
    ),
    EventKind.SESSION_REVOKED: EventText(
        description=(
            "A session was revoked, by its id or by one of its tokens. Without `session_id`: all"
            " sessions of a subscriber that are bound to one key were revoked."
        ),
        members={"subscriber_id": "", "session_id": "if a single session was revoked"},
    ),
    EventKind.PROJECT_REVOKED: EventText(
        description="Every session of the project was revoked.",
        members={"cause": "`project_deleted` if the project was deleted"},
    ),
    EventKind.SUBSCRIBER_REVOKED: EventText(
        description="Every token issued to a subscriber was revoked.",
        members={"subscriber_id": ""},
    ),
    EventKind.SUBSCRIBER_DELETED: EventText(
        description="A subscriber was deleted, with its addresses and sessions.",
        members={"subscriber_id": ""},
    ),
    EventKind.API_TOKEN_CREATED: EventText(
        description="An API token was created.", members=_SUBJECT_API
    ),
    EventKind.API_TOKEN_CREATED: EventText(
        description="An API token was created.", members=_SUBJECT_API
    ),
    EventKind.API_TOKEN_UPDATED: EventText(
        description="The name or the permissions of an API token were updated.",
        members=_SUBJECT_API,
    ),
    EventKind.API_TOKEN_DELETED: EventText(
        description="An API token was deleted.", members=_SUBJECT_API
    ),
    EventKind.C2C_TOKEN_CREATED: EventText(
        description="A Click-to-Call token was created.", members=_SUBJECT_C2C
    ),
    EventKind.C2C_TOKEN_DISABLED: EventText(
        description=(
            "A Click-to-Call token was disabled. SATs issued with it remain valid until they"
            " expire."
        ),
        members=_SUBJECT_C2C,
    ),
    EventKind.KEY_ROTATED: EventText(
        description="`satmint keys rotate` activated another key of the keyring.",
        members={"cause": "the id of the new active key"},
    ),
    EventKind.KEY_RETIRED: EventText(
        description=(
            "`satmint keys retire` removed a key from the keyring. Tokens encrypted with it are no"
            " longer valid."
        ),
        members={"cause": "the id of the removed key"},
    ),
    EventKind.WEBHOOK_CREATED: EventText(
        description="A webhook was created.", members=_SUBJECT_WEBHOOK
    ),
    EventKind.WEBHOOK_DELETED: EventText(
        description="A webhook and its pending deliveries were deleted.",
        members=_SUBJECT_WEBHOOK,
    ),
    EventKind.ADDRESS_DELETED: EventText(
        description=(
            "An address was deleted. Guest, invite and embed tokens that were good for it alone are"
            " no longer valid."
        ),
        members={"subject_id": "the address"},
    ),
    EventKind.DATABASE_ADOPTED: EventText(
        description=(
            "`satmint db restore` or `satmint db adopt` began a new incarnation of the database."
            " Every session of the project was revoked, and what happened after the backup is"
            " missing."
        ),
        members={"cause": "`incarnation=` and the number of the new incarnation"},
    ),
    EventKind.ROOM_DELETED: EventText(
        description="A conference room was deleted, and its address with it (`address_deleted`).",
        members={"subject_id": "the room"},
    ),
    EventKind.C2C_TOKEN_DELETED: EventText(
        description=(
            "A Click-to-Call token was deleted. SATs issued with it remain valid until they expire."
        ),
        members=_SUBJECT_C2C,
    ),
    EventKind.WEBHOOK_PAUSED: EventText(
        description="A webhook was paused by an operator: its messages wait until it is resumed.",
        members=_SUBJECT_WEBHOOK,
    ),
    EventKind.WEBHOOK_RESUMED: EventText(
        description="A webhook was resumed by an operator, also from a pause after failures.",
        members=_SUBJECT_WEBHOOK,
    ),
    EventKind.PROJECT_RENAMED: EventText(
        description="The project has another name. The event has neither of the two.",
        members={},
    ),
}
"""By kind. A test checks that it covers exactly the kinds that exist, and what `members` says."""
