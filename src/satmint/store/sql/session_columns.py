"""The columns of sessions, and the records that they make."""

from typing import Any, Final

from msgspec.structs import replace

from satmint.model.claims import Kind
from satmint.model.lifetimes import CLOCK_STEP_SECONDS, CONCURRENT_REPLAY_SECONDS
from satmint.model.records import Inviter, Session
from satmint.model.rotation import Head
from satmint.store.sql.port import Row, read_optional_uuid, read_uuid

INVITER_REVOKED_AT: Final = (
    "CASE WHEN sessions.inviter_session_id IS NOT NULL THEN (SELECT inviter.revoked_at"
    " FROM sessions AS inviter WHERE inviter.project_id = sessions.project_id"
    " AND inviter.session_id = sessions.inviter_session_id) END"
)
"""When the session that made an invite was revoked; NULL for sessions of other kinds. A revocation
of the project is not in it: an invite is opened with the inviting session's project epoch."""

_OF_THE_HEAD: Final = (
    "CASE WHEN sessions.measured_generation = sessions.generation THEN sessions.{} ELSE 0 END"
)
REPLAYS: Final = _OF_THE_HEAD.format("replays")
"""How often the head's parent was replayed. During a rolling update, a server that does not know
the column rotates without writing it: then it is of an earlier head."""
_SKEW: Final = _OF_THE_HEAD.format("skew")
REVOKED_AT: Final = (
    "coalesce(sessions.revoked_at, (SELECT projects.revoked_at FROM projects"
    " WHERE projects.project_id = sessions.project_id"
    f" AND projects.epoch <> sessions.project_epoch), {INVITER_REVOKED_AT})"
)
"""When a session was revoked: by itself, with its project or with its inviter's; or NULL."""
SESSION_COLUMNS: Final = (
    "sessions.project_id, session_id, subscriber_id, kind, generation, head_since,"
    " head_expires_at, seen_generation, created_at, deadline, lives_until,"
    f" {REVOKED_AT} AS revoked_at, jkt,"
    f" address, agent, device_token_at, seen_late_generation, {REPLAYS} AS replays,"
    f" {_SKEW} AS skew, inviter_id,"
    " inviter_session_id, c2c_token_id"
)
SEEN_LATE: Final = (
    f"({{}} - sessions.head_since - {_SKEW}"
    f" NOT BETWEEN {-CLOCK_STEP_SECONDS} AND {CONCURRENT_REPLAY_SECONDS})"
)
"""Whether the head is no longer concurrent with its parent: `is_concurrent`, denied. With a place
for the time of the clock that measures windows."""
LISTED_COLUMNS: Final = (
    f"{SESSION_COLUMNS}, (SELECT subscribers.reference FROM subscribers"
    " WHERE subscribers.project_id = sessions.project_id"
    " AND subscribers.subscriber_id = sessions.subscriber_id) AS reference"
)


def session_of(row: Row) -> Session:
    """Build the session from a row that begins with `SESSION_COLUMNS`.

    By position, which takes a third of the time: most requests read a session.
    """
    return Session(
        id=read_uuid(row[1]),
        project=read_uuid(row[0]),
        subscriber=read_uuid(row[2]),
        kind=Kind(row[3]),
        head=Head(row[4], row[5], row[6], row[12]),
        seen_generation=row[7],
        created_at=row[8],
        deadline=row[9],
        lives_until=row[10],
        revoked_at=row[11],
        address=row[13],
        agent=row[14],
        device_token_at=row[15],
        seen_late_generation=row[16],
        replays=row[17],
        skew=row[18],
        inviter=_inviter_of(row[19], row[20]),
        c2c_token=read_optional_uuid(row[21]),
    )


def _inviter_of(subscriber: Any, session: Any) -> Inviter | None:  # noqa: ANN401 - see `read_uuid`
    """The inviter in two columns that are both NULL or neither."""
    return None if session is None else Inviter(read_uuid(subscriber), read_uuid(session))


def listed_session_of(row: Row) -> Session:
    """Build the session from a row that begins with `LISTED_COLUMNS`."""
    return replace(session_of(row), reference=row["reference"])
