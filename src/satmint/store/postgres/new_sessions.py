"""Opening sessions in PostgreSQL, in batches where no subscriber has to be changed.

The usual sign-in names an existing subscriber and changes nothing about it, because it sets no
fields or their current values. One statement opens such sessions for all waiting callers, and
another those of guests; for new subscribers see `satmint.store.postgres.first_sign_in`. A changed
subscriber takes its own transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.lifetimes import REFRESH_TOKEN_GRACE_SECONDS
from satmint.model.references import reference_key
from satmint.store.contract import (
    NewSession,
    NewSubscriber,
    OpenedSession,
    SubscriberChange,
)
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.database import PostgresTransaction
from satmint.store.postgres.events import POSITION, event_arrays, record, with_subscriber
from satmint.store.postgres.inserting import insert_rows
from satmint.store.postgres.routing import one_shard, statement
from satmint.store.postgres.session_rows import NEW_SESSION_COLUMNS
from satmint.store.sql.event_columns import EVENT_COLUMNS
from satmint.store.sql.keyed_requests import claim_key
from satmint.store.sql.port import read_uuid
from satmint.store.sql.project_deletion import NEW_SESSION_EPOCH
from satmint.store.sql.subscribers import sign_in


class KnownSubscriberStep(msgspec.Struct, frozen=True):
    """A session for an existing subscriber, if its fields have these values."""

    project: UUID
    reference: str
    fields: Mapping[str, str | None]
    session: NewSession
    now: int
    event: Event


class TemporarySubscriberStep(msgspec.Struct, frozen=True):
    """A session for a new temporary subscriber."""

    project: UUID
    subscriber: UUID
    kind: Kind
    session: NewSession
    now: int
    event: Event


_as_json: Final = msgspec.json.Encoder().encode

_PROJECT_EPOCH: Final = f"""
           (SELECT {NEW_SESSION_EPOCH} FROM projects
             WHERE projects.project_id = step.project_id)"""
_REMAINING_VALUES: Final = f"""
           0, step.now, step.expires_at, -1, step.now, step.deadline,
           step.expires_at + {REFRESH_TOKEN_GRACE_SECONDS},
           step.expires_at + {REFRESH_TOKEN_GRACE_SECONDS}, step.jkt, step.address, step.agent,
           step.c2c_token_id"""

_STEPS: Final = """
    SELECT * FROM unnest($1::uuid[], $2::{type}[], $3::uuid[], $4::bigint[], $5::bigint[],
                         $6::bigint[], $7::text[], $8::bytea[], $9::text[], $10::bigint[],
                         $11::uuid[], $12::uuid[], $13::bigint[], $14::text[], $15::text[],
                         $16::text[], $17::text[], $18::text[], $19::jsonb[], $20::uuid[],
                         $21::text[])
        WITH ORDINALITY AS step (project_id, who, session_id, now, expires_at, deadline, jkt,
                                 event_id, event_kind, at, event_session, event_subject,
                                 event_generation, cause, request_id, address, agent, kind, fields,
                                 c2c_token_id, reference, n)
"""
_EVENT_VALUES: Final = """
           step.project_id, step.event_id, step.event_kind, step.at, {subscriber},
           step.event_session, step.event_subject, step.event_generation, step.cause,
           step.request_id, step.address, step.agent"""

# By key, unless a subscriber without a key has exactly this reference: see `subscriber_keys`.
# The subscriber's row is locked, so that a revocation of all its sessions finds this one or waits.
_OWNER: Final = f"""
WITH step AS MATERIALIZED ({_STEPS.format(type="text")}), owner AS MATERIALIZED (
    SELECT step.n, subscribers.subscriber_id, subscribers.epoch
      FROM step
      JOIN subscribers ON subscribers.project_id = step.project_id
                      AND subscribers.reference_key = step.who
                      AND (step.fields IS NULL OR to_jsonb(subscribers) @> step.fields)
     WHERE NOT EXISTS (SELECT 1 FROM subscribers AS exact
                        WHERE exact.project_id = step.project_id{one_shard("exact")}
                          AND exact.reference = step.reference
                          AND exact.reference IS NOT NULL AND exact.reference_key IS NULL)
           {one_shard("subscribers")}
     ORDER BY subscribers.project_id, subscribers.subscriber_id
       FOR SHARE OF subscribers SKIP LOCKED
)"""
_OPEN_KNOWN: Final = statement(f"""{_OWNER}, opened AS (
    INSERT INTO sessions ({NEW_SESSION_COLUMNS})
    SELECT step.project_id, step.session_id, {_PROJECT_EPOCH},
           owner.subscriber_id, owner.epoch, step.kind, {_REMAINING_VALUES}
      FROM step JOIN owner ON owner.n = step.n
), recorded AS (
    INSERT INTO events ({EVENT_COLUMNS}, position)
    SELECT {_EVENT_VALUES.format(subscriber="owner.subscriber_id")}, {POSITION}
      FROM step JOIN owner ON owner.n = step.n
)
SELECT n, subscriber_id, epoch FROM owner
""").several
_LOCK_OWNERS: Final = statement(f"{_OWNER} SELECT n, subscriber_id, epoch FROM owner").one

_OPEN_TEMPORARY: Final = f"""
WITH step AS MATERIALIZED ({_STEPS.format(type="uuid")}), created AS (
    INSERT INTO subscribers (project_id, subscriber_id, kind, created_at, updated_at)
    SELECT project_id, who, kind, now, now FROM step
), opened AS (
    INSERT INTO sessions ({NEW_SESSION_COLUMNS})
    SELECT step.project_id, step.session_id, {_PROJECT_EPOCH},
           step.who, 0, step.kind, {_REMAINING_VALUES}
      FROM step
)
INSERT INTO events ({EVENT_COLUMNS}, position)
SELECT {_EVENT_VALUES.format(subscriber="step.who")}, {POSITION}
  FROM step
"""

# On a cluster, which routes no statement that inserts on the way: a statement for each table.
_TEMPORARY: Final = "subscribers (project_id, subscriber_id, kind, created_at, updated_at)"
_EPOCHS: Final = f"SELECT project_id, {NEW_SESSION_EPOCH} FROM projects WHERE project_id = ANY ($1)"
_SESSIONS: Final = f"sessions ({NEW_SESSION_COLUMNS})"

_INSERT: Final = f"""
INSERT INTO {_SESSIONS}
VALUES ($1, $2, (SELECT {NEW_SESSION_EPOCH} FROM projects WHERE projects.project_id = $1),
        $3, $12, $4, 0, $5, $6, -1, $5, $7, $8, $8, $9, $10, $11, NULL)
"""


async def open_known(
    db: Connection, steps: Sequence[KnownSubscriberStep]
) -> Sequence[OpenedSession | None]:
    """Open sessions for existing subscribers; None if unknown or locked by another transaction.

    A subscriber whose fields differ from the step's counts as unknown.
    """
    kinds = [Kind.SUBSCRIBER.value] * len(steps)
    references = [step.reference for step in steps]
    keys = [reference_key(reference) for reference in references]
    fields = [_as_json(step.fields).decode() if step.fields else None for step in steps]
    arrays = _arrays(steps, keys, kinds, fields, references)
    opened: list[OpenedSession | None] = [None] * len(steps)
    for row in await db.fetch(_LOCK_OWNERS if db.is_distributed else _OPEN_KNOWN, *arrays):
        opened[row["n"] - 1] = OpenedSession(read_uuid(row["subscriber_id"]), row["epoch"])
    if db.is_distributed:
        found = [(step, owner) for step, owner in zip(steps, opened, strict=True) if owner]
        await _insert_sessions(db, found)
    return opened


async def open_temporary(
    db: Connection, steps: Sequence[TemporarySubscriberStep]
) -> Sequence[OpenedSession]:
    """Open sessions for new temporary subscribers."""
    kinds, subscribers = [step.kind.value for step in steps], [step.subscriber for step in steps]
    nothing = [None] * len(steps)
    opened = [OpenedSession(step.subscriber, 0) for step in steps]
    if db.is_distributed:
        guests = [(s.project, s.subscriber, s.kind.value, s.now, s.now) for s in steps]
        await insert_rows(db, _TEMPORARY, guests)
        await _insert_sessions(db, list(zip(steps, opened, strict=True)))
    else:
        await db.execute(_OPEN_TEMPORARY, *_arrays(steps, subscribers, kinds, nothing, nothing))
    return opened


async def _insert_sessions(
    db: Connection,
    found: Sequence[tuple[KnownSubscriberStep | TemporarySubscriberStep, OpenedSession]],
) -> None:
    """Insert sessions of one shard and record their events, in the transaction of the batch."""
    if not found:
        return
    epochs = dict(await db.fetch(_EPOCHS, [step.project for step, _ in found]))
    rows = [_session(step, owner, epochs.get(step.project)) for step, owner in found]
    await insert_rows(db, _SESSIONS, rows)
    await record(db, *(with_subscriber(step.event, owner.subscriber) for step, owner in found))


def _session(
    step: KnownSubscriberStep | TemporarySubscriberStep,
    owner: OpenedSession,
    project_epoch: int | None,
) -> tuple[object, ...]:
    """The values of `NEW_SESSION_COLUMNS`."""
    session, origin = step.session, step.event.origin
    kind = step.kind if isinstance(step, TemporarySubscriberStep) else Kind.SUBSCRIBER
    lives_until = session.expires_at + REFRESH_TOKEN_GRACE_SECONDS
    return (
        *(step.project, session.id, project_epoch, owner.subscriber, owner.epoch, kind.value),
        *(0, step.now, session.expires_at, -1, step.now, session.deadline),
        *(lives_until, lives_until, session.jkt, origin.address, origin.agent, session.c2c_token),
    )


async def open_temporary_once(
    db: Connection, step: TemporarySubscriberStep, keyed: KeyedRequest
) -> OpenedSession:
    """Open one in a transaction, for a request with an idempotency key."""
    await claim_key(PostgresTransaction(db), keyed)
    (opened,) = await open_temporary(db, [step])
    return opened


async def open_for_reference(
    db: Connection,
    project: UUID,
    subscriber: NewSubscriber,
    change: SubscriberChange,
    session: NewSession,
    now: int,
    event: Event,
    keyed: KeyedRequest | None = None,
) -> OpenedSession:
    """Open a session in a transaction; creates or changes the subscriber."""
    if keyed is not None:
        await claim_key(PostgresTransaction(db), keyed)
    step = KnownSubscriberStep(project, subscriber.reference, change.fields, session, now, event)
    if keyed is not None and change.password_hash is None:
        (opened,) = await open_known(db, [step])
        if opened is not None:
            return opened
    known = await sign_in(PostgresTransaction(db), subscriber, project, change, now)
    if db.is_distributed:
        await _insert_sessions(db, [(step, known)])
        return known
    await db.execute(
        _INSERT,
        project,
        session.id,
        known.subscriber,
        Kind.SUBSCRIBER.value,
        now,
        session.expires_at,
        session.deadline,
        session.expires_at + REFRESH_TOKEN_GRACE_SECONDS,
        session.jkt,
        event.origin.address,
        event.origin.agent,
        known.epoch,
    )
    await record(db, with_subscriber(event, known.subscriber))
    return known


def _arrays(
    steps: Sequence[KnownSubscriberStep] | Sequence[TemporarySubscriberStep],
    who: Sequence[object],
    kinds: Sequence[str],
    fields: Sequence[str | None],
    references: Sequence[str | None],
) -> tuple[Sequence[object], ...]:
    """The arguments of `_STEPS`."""
    sessions = [step.session for step in steps]
    described, caused = event_arrays([step.event for step in steps])
    return (
        [step.project for step in steps],
        who,
        [session.id for session in sessions],
        [step.now for step in steps],
        [session.expires_at for session in sessions],
        [session.deadline for session in sessions],
        [session.jkt for session in sessions],
        *described,
        *caused,
        kinds,
        fields,
        [session.c2c_token for session in sessions],
        references,
    )
