"""Rotations in SQLite: one conditional write, and the rules for whatever it passes by."""

import sqlite3
from typing import Final

import msgspec

from satmint.model.events import Event, EventKind
from satmint.model.lifetimes import REFRESH_OVERHANG_SECONDS
from satmint.model.rotation import (
    Head,
    Move,
    Presented,
    Refused,
    Rotated,
    Verdict,
    judge,
    verdict_of,
)
from satmint.store.sqlite.events import record
from satmint.store.sqlite.session_rows import read_standing, revoke_session

# The one statement that decides a rotation: of all who present a generation, one finds it still
# the head. Everything that could forbid it is part of the condition. So is that the session's
# deadline cuts nothing and that its key is the one which the token names, which leaves nothing to
# be read back. Whoever revokes or deletes a subscriber revokes its sessions in the same step, so
# that the subscriber's row has not to be looked at.
_ROTATE: Final = f"""
UPDATE sessions
   SET generation = generation + 1,
       head_since = ?1,
       head_expires_at = ?2,
       lives_until = max(lives_until, ?2 + {REFRESH_OVERHANG_SECONDS})
 WHERE project_id = ?3 AND session_id = ?4 AND generation = ?5
   AND revoked_at IS NULL
   AND project_epoch = (SELECT projects.epoch FROM projects WHERE projects.project_id = ?3)
   AND head_expires_at + {REFRESH_OVERHANG_SECONDS} > ?1
   AND deadline - {REFRESH_OVERHANG_SECONDS} >= ?2
   AND jkt IS ?7
   AND subscriber_epoch = ?6
"""

_EVENT_OF: Final = {
    Move.ROTATE: EventKind.REFRESHED,
    Move.REPLAY: EventKind.REPLAYED,
    Move.REVOKE: EventKind.REUSE_DETECTED,
}


def rotate(
    db: sqlite3.Connection,
    presented: Presented,
    expires_at: int,
    now: int,
    replay_cap: int | None,
    event: Event,
) -> Verdict:
    """Decide about a refresh token and carry that out; see `SessionStore.rotate`."""
    if not _rotated(db, presented, expires_at, now):
        return _answer_otherwise(db, presented, expires_at, now, replay_cap, event)
    head = Head(presented.generation + 1, now, expires_at, presented.jkt)
    record(db, event, generation=head.generation)
    return Rotated(head)


def _rotated(db: sqlite3.Connection, presented: Presented, expires_at: int, now: int) -> bool:
    changed = db.execute(
        _ROTATE,
        (
            now,
            expires_at,
            presented.project.bytes,
            presented.session.bytes,
            presented.generation,
            presented.epoch,
            presented.jkt,
        ),
    )
    return changed.rowcount == 1


def _answer_otherwise(
    db: sqlite3.Connection,
    presented: Presented,
    expires_at: int,
    now: int,
    replay_cap: int | None,
    event: Event,
) -> Verdict:
    """What the rules say of a token that the conditional write passed by."""
    known = read_standing(db, presented.project, presented.session)
    standing = None if known is None else known.standing
    move = judge(standing, presented, now, replay_cap)
    if isinstance(move, Refused):
        return move
    if standing is None or known is None:
        raise LookupError("a move was judged for a session that is not there")
    session = known.session
    generation, cause, head = presented.generation, f"head={session.head.generation}", session.head
    if move is Move.REVOKE:
        revoke_session(db, session.project, session.id, now)
    elif move is Move.ROTATE:
        # It passed by only because the deadline cuts the new pair's life, or because the session
        # was bound to a key after the token was made.
        last = min(expires_at, session.deadline - REFRESH_OVERHANG_SECONDS)
        current = msgspec.structs.replace(presented, jkt=session.jkt)
        if not _rotated(db, current, last, now):
            raise RuntimeError("the conditional write and the rules disagree")
        head = Head(presented.generation + 1, now, last, session.jkt)
        generation, cause = head.generation, ""
    record(db, event, kind=_EVENT_OF[move], generation=generation, cause=cause)
    return verdict_of(move, head)
