"""Opening sessions in PostgreSQL: many at once where nothing else has to be written.

The usual sign-in names a subscriber that is there and changes nothing about it, whether it says
nothing of its fields or what they are anyway: such sessions are opened by one statement for as many
as are waiting, and so are those of guests. A new subscriber, or one that changes, takes a
transaction of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.lifetimes import REFRESH_OVERHANG_SECONDS
from satmint.store.contract import NewSession, NewSubscriber, NotUnique, Opened, SubscriberChange
from satmint.store.postgres.connections import Connection
from satmint.store.postgres.events import COLUMNS as EVENT_COLUMNS
from satmint.store.postgres.events import about, record
from satmint.store.postgres.listing import plain
from satmint.store.postgres.subscribers import change_subscriber, create_subscriber


class KnownStep(msgspec.Struct, frozen=True):
    """A session for the subscriber of a reference, if there is one that has these fields."""

    project: UUID
    reference: str
    fields: Mapping[str, str | None]
    session: NewSession
    now: int
    event: Event


class TemporaryStep(msgspec.Struct, frozen=True):
    """A session for a new temporary subscriber."""

    project: UUID
    subscriber: UUID
    kind: Kind
    session: NewSession
    now: int
    event: Event


_as_json: Final = msgspec.json.Encoder().encode

_SESSION_COLUMNS: Final = (
    "project_id, session_id, project_epoch, subscriber_id, subscriber_epoch, kind, generation,"
    " head_since,"
    " head_expires_at, seen_generation, created_at, deadline, lives_until, first_until, jkt,"
    " address, agent"
)
_SESSION_OF_STEP: Final = """
           (SELECT projects.epoch FROM projects WHERE projects.project_id = step.project_id)"""
_REST_OF_STEP: Final = f"""
           0, step.now, step.expires_at, -1, step.now, step.deadline,
           step.expires_at + {REFRESH_OVERHANG_SECONDS},
           step.expires_at + {REFRESH_OVERHANG_SECONDS}, step.jkt, step.address, step.agent"""

_STEPS: Final = """
    SELECT * FROM unnest($1::uuid[], $2::{type}[], $3::uuid[], $4::bigint[], $5::bigint[],
                         $6::bigint[], $7::text[], $8::bytea[], $9::text[], $10::bigint[],
                         $11::uuid[], $12::uuid[], $13::bigint[], $14::text[], $15::text[],
                         $16::text[], $17::text[], $18::text[], $19::jsonb[])
        WITH ORDINALITY AS step (project_id, who, session_id, now, expires_at, deadline, jkt,
                                 event_id, event_kind, at, event_session, event_subject,
                                 event_generation, cause, request_id, address, agent, kind, fields,
                                 n)
"""
_TOLD: Final = """
           step.project_id, step.event_id, step.event_kind, step.at, {subscriber},
           step.event_session, step.event_subject, step.event_generation, step.cause,
           step.request_id, step.address, step.agent"""

# The subscriber's row is held, so that a revocation of all its sessions finds this one, or waits.
_OPEN_KNOWN: Final = f"""
WITH step AS MATERIALIZED ({_STEPS.format(type="text")}), owner AS MATERIALIZED (
    SELECT step.n, subscribers.subscriber_id, subscribers.epoch
      FROM step
      JOIN subscribers ON subscribers.project_id = step.project_id
                      AND subscribers.reference = step.who
                      AND (step.fields IS NULL OR to_jsonb(subscribers) @> step.fields)
     ORDER BY subscribers.project_id, subscribers.subscriber_id
       FOR SHARE OF subscribers SKIP LOCKED
), opened AS (
    INSERT INTO sessions ({_SESSION_COLUMNS})
    SELECT step.project_id, step.session_id, {_SESSION_OF_STEP},
           owner.subscriber_id, owner.epoch, step.kind, {_REST_OF_STEP}
      FROM step JOIN owner ON owner.n = step.n
), told AS (
    INSERT INTO events ({EVENT_COLUMNS})
    SELECT {_TOLD.format(subscriber="owner.subscriber_id")}
      FROM step JOIN owner ON owner.n = step.n
)
SELECT n, subscriber_id, epoch FROM owner
"""

_OPEN_TEMPORARY: Final = f"""
WITH step AS MATERIALIZED ({_STEPS.format(type="uuid")}), created AS (
    INSERT INTO subscribers (project_id, subscriber_id, kind, created_at, updated_at)
    SELECT project_id, who, kind, now, now FROM step
), opened AS (
    INSERT INTO sessions ({_SESSION_COLUMNS})
    SELECT step.project_id, step.session_id, {_SESSION_OF_STEP},
           step.who, 0, step.kind, {_REST_OF_STEP}
      FROM step
)
INSERT INTO events ({EVENT_COLUMNS})
SELECT {_TOLD.format(subscriber="step.who")}
  FROM step
"""

_INSERT: Final = f"""
INSERT INTO sessions ({_SESSION_COLUMNS})
VALUES ($1, $2, (SELECT projects.epoch FROM projects WHERE projects.project_id = $1),
        $3, $12, $4, 0, $5, $6, -1, $5, $7, $8, $8, $9, $10, $11)
"""


async def open_known(db: Connection, steps: Sequence[KnownStep]) -> Sequence[Opened | None]:
    """Open sessions for subscribers that are there; None: it is not, or somebody holds its row.

    One whose fields differ from those of the step counts as not there.
    """
    kinds = [Kind.SUBSCRIBER.value] * len(steps)
    references = [step.reference for step in steps]
    fields = [_as_json(step.fields).decode() if step.fields else None for step in steps]
    opened: list[Opened | None] = [None] * len(steps)
    for row in await db.fetch(_OPEN_KNOWN, *_arrays(steps, references, kinds, fields)):
        opened[row["n"] - 1] = Opened(plain(row["subscriber_id"]), row["epoch"])
    return opened


async def open_temporary(db: Connection, steps: Sequence[TemporaryStep]) -> Sequence[Opened]:
    """Open sessions for new temporary subscribers."""
    kinds, subscribers = [step.kind.value for step in steps], [step.subscriber for step in steps]
    await db.execute(_OPEN_TEMPORARY, *_arrays(steps, subscribers, kinds, [None] * len(steps)))
    return [Opened(step.subscriber, 0) for step in steps]


async def open_for_reference(
    db: Connection,
    project: UUID,
    subscriber: NewSubscriber,
    change: SubscriberChange,
    session: NewSession,
    now: int,
    event: Event,
) -> Opened:
    """Open a session in a transaction, creating or changing the subscriber.

    Raises:
        NotUnique: see `SessionStore.open_for_reference`.
    """
    known = await _held_by_reference(db, project, subscriber.reference)
    if known is not None:
        await change_subscriber(db, project, known.subscriber, change, now)
    elif await create_subscriber(db, subscriber, project, change, now):
        known = Opened(subscriber.id, 0)
    else:
        # Taken is its reference, by somebody who was faster, or else its e-mail address.
        known = await _held_by_reference(db, project, subscriber.reference)
        if known is None:
            raise NotUnique("reference")
        await change_subscriber(db, project, known.subscriber, change, now)
    await db.execute(
        _INSERT,
        project,
        session.id,
        known.subscriber,
        Kind.SUBSCRIBER.value,
        now,
        session.expires_at,
        session.deadline,
        session.expires_at + REFRESH_OVERHANG_SECONDS,
        session.jkt,
        event.origin.address,
        event.origin.agent,
        known.epoch,
    )
    await record(db, about(event, known.subscriber))
    return known


async def _held_by_reference(db: Connection, project: UUID, reference: str) -> Opened | None:
    row = await db.fetchrow(
        "SELECT subscriber_id, epoch FROM subscribers"
        " WHERE project_id = $1 AND reference = $2 FOR UPDATE",
        project,
        reference,
    )
    return None if row is None else Opened(plain(row["subscriber_id"]), row["epoch"])


def _arrays(
    steps: Sequence[KnownStep] | Sequence[TemporaryStep],
    who: Sequence[object],
    kinds: Sequence[str],
    fields: Sequence[str | None],
) -> tuple[Sequence[object], ...]:
    """The arguments of `_STEPS`."""
    sessions, events = [step.session for step in steps], [step.event for step in steps]
    return (
        [step.project for step in steps],
        who,
        [session.id for session in sessions],
        [step.now for step in steps],
        [session.expires_at for session in sessions],
        [session.deadline for session in sessions],
        [session.jkt for session in sessions],
        [event.id for event in events],
        [event.kind.value for event in events],
        [event.at for event in events],
        [event.session for event in events],
        [event.subject for event in events],
        [event.generation for event in events],
        [event.cause for event in events],
        [event.origin.request_id for event in events],
        [event.origin.address for event in events],
        [event.origin.agent for event in events],
        kinds,
        fields,
    )
