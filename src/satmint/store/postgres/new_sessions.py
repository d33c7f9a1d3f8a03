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
from satmint.store.postgres.events import POSITION, record, with_subscriber
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
_OPEN_KNOWN: Final = f"""
WITH step AS MATERIALIZED ({_STEPS.format(type="text")}), owner AS MATERIALIZED (
    SELECT step.n, subscribers.subscriber_id, subscribers.epoch
      FROM step
      JOIN subscribers ON subscribers.project_id = step.project_id
                      AND subscribers.reference_key = step.who
                      AND (step.fields IS NULL OR to_jsonb(subscribers) @> step.fields)
     WHERE NOT EXISTS (SELECT 1 FROM subscribers AS exact
                        WHERE exact.project_id = step.project_id
                          AND exact.reference = step.reference
                          AND exact.reference IS NOT NULL AND exact.reference_key IS NULL)
     ORDER BY subscribers.project_id, subscribers.subscriber_id
       FOR SHARE OF subscribers SKIP LOCKED
), opened AS (
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
"""

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

_INSERT: Final = f"""
INSERT INTO sessions ({NEW_SESSION_COLUMNS})
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
    opened: list[OpenedSession | None] = [None] * len(steps)
    for row in await db.fetch(_OPEN_KNOWN, *_arrays(steps, keys, kinds, fields, references)):
        opened[row["n"] - 1] = OpenedSession(read_uuid(row["subscriber_id"]), row["epoch"])
    return opened


async def open_temporary(
    db: Connection, steps: Sequence[TemporarySubscriberStep]
) -> Sequence[OpenedSession]:
    """Open sessions for new temporary subscribers."""
    kinds, subscribers = [step.kind.value for step in steps], [step.subscriber for step in steps]
    nothing = [None] * len(steps)
    await db.execute(_OPEN_TEMPORARY, *_arrays(steps, subscribers, kinds, nothing, nothing))
    return [OpenedSession(step.subscriber, 0) for step in steps]


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
    if keyed is not None and change.password_hash is None:
        reference = subscriber.reference
        step = KnownSubscriberStep(project, reference, change.fields, session, now, event)
        (opened,) = await open_known(db, [step])
        if opened is not None:
            return opened
    known = await sign_in(PostgresTransaction(db), subscriber, project, change, now)
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
        [session.c2c_token for session in sessions],
        references,
    )
