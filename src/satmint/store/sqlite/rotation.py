"""Rotations in SQLite: one conditional write, and the full rules where it does not apply."""

import sqlite3
from typing import Final

import msgspec

from satmint.model.events import Event
from satmint.model.lifetimes import REFRESH_TOKEN_GRACE_SECONDS, expired
from satmint.model.observed_time import ObservedClock
from satmint.model.rotation import (
    Head,
    RefreshTokenRef,
    Refused,
    Rotated,
    RotationDecision,
    RotationResult,
    apply_rotation,
    decide_rotation,
    rotation_event,
    rotation_result,
)
from satmint.store.sql.seen_marks import SeenMark, with_evidence
from satmint.store.sql.session_columns import REPLAYS
from satmint.store.sqlite.events import record
from satmint.store.sqlite.session_rows import read_session, revoke_session

# The one statement that decides a rotation: of all callers that present a generation, exactly one
# finds it still the head. The condition contains every reason to refuse. It also requires that the
# deadline does not shorten the new pair and that the session's key is the token's, so that nothing
# has to be read back. Revoking or deleting a subscriber revokes its sessions in the same step, so
# the subscriber's row need not be read.
_ROTATE: Final = f"""
UPDATE sessions
   SET generation = generation + 1,
       head_since = ?1,
       head_expires_at = ?2,
       lives_until = max(lives_until, ?2 + {REFRESH_TOKEN_GRACE_SECONDS}),
       measured_generation = generation + 1,
       skew = 0,
       replays = 0
 WHERE project_id = ?3 AND session_id = ?4 AND generation = ?5
   AND revoked_at IS NULL
   AND project_epoch = (SELECT projects.epoch FROM projects WHERE projects.project_id = ?3)
   AND head_expires_at + {REFRESH_TOKEN_GRACE_SECONDS} > ?1
   AND deadline - {REFRESH_TOKEN_GRACE_SECONDS} >= ?2
   AND jkt IS ?7
   AND subscriber_epoch = ?6
"""

_COUNT_REPLAY: Final = (
    f"UPDATE sessions SET replays = {REPLAYS} + 1, skew = 0, measured_generation = generation"
    " WHERE project_id = ? AND session_id = ?"
)


def rotate(
    db: sqlite3.Connection,
    ref: RefreshTokenRef,
    expires_at: int,
    now: int,
    replay_seconds: int,
    event: Event,
    seen: SeenMark | None,
    clock: ObservedClock,
) -> RotationResult:
    """Decide about a refresh token and carry out the decision; see `SessionStore.rotate`.

    `seen` is what this process has seen of the session and not yet written, `clock` what it has
    seen of its clock.
    """
    clock.observe(now)
    if expired(ref.expires_at, now) or not _rotate_if_head(db, ref, expires_at, now):
        return _decide_by_rules(db, ref, expires_at, now, replay_seconds, event, seen, clock)
    head = Head(ref.generation + 1, now, expires_at, ref.jkt)
    record(db, event, generation=head.generation)
    return Rotated(head)


def _rotate_if_head(
    db: sqlite3.Connection, ref: RefreshTokenRef, expires_at: int, now: int
) -> bool:
    changed = db.execute(
        _ROTATE,
        (
            now,
            expires_at,
            ref.project.bytes,
            ref.session.bytes,
            ref.generation,
            ref.epoch,
            ref.jkt,
        ),
    )
    return changed.rowcount == 1


def _decide_by_rules(
    db: sqlite3.Connection,
    ref: RefreshTokenRef,
    expires_at: int,
    now: int,
    replay_seconds: int,
    event: Event,
    seen: SeenMark | None,
    clock: ObservedClock,
) -> RotationResult:
    """Decide by the full rules about a token to which the conditional write did not apply."""
    known = read_session(db, ref.project, ref.session)
    state = None if known is None else known.state
    measured_at = now
    if state is not None:
        state = with_evidence(state, seen)
        measured_at = clock.latest_since(state.measured_since, now)
    decision = decide_rotation(state, ref, now, replay_seconds, measured_at)
    if isinstance(decision, Refused):
        return decision
    if state is None:
        raise LookupError("a rotation was decided for a session that does not exist")
    state = apply_rotation(decision, state, expires_at, now)
    if decision.revokes:
        revoke_session(db, ref.project, ref.session, now)
    elif decision is RotationDecision.REPLAY:
        db.execute(_COUNT_REPLAY, (ref.project.bytes, ref.session.bytes))
    else:
        # The conditional write did not apply only because the deadline shortens the new pair, or
        # because the session was bound to a key after the token was issued.
        current = msgspec.structs.replace(ref, jkt=state.head.jkt)
        if not _rotate_if_head(db, current, state.head.expires_at, now):
            raise RuntimeError("the conditional write and the rules disagree")
    details = rotation_event(decision, ref, state, event)
    if details is not None:
        record(db, details)
    return rotation_result(decision, state)
