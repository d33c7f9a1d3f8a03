"""First sign-ins in PostgreSQL: the rows of all waiting new subscribers by one statement.

It does what `satmint.store.sql.subscribers.sign_in` and an insert of the session do one after the
other, where the reference and the e-mail address are free. Otherwise it leaves a step undone, which
then takes a transaction of its own.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.lifetimes import REFRESH_TOKEN_GRACE_SECONDS
from satmint.model.references import reference_key
from satmint.store.contract import NewSession, NewSubscriber, OpenedSession, SubscriberChange
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.database import PostgresTransaction
from satmint.store.postgres.events import POSITION, event_arrays
from satmint.store.postgres.session_rows import NEW_SESSION_COLUMNS
from satmint.store.sql.event_columns import EVENT_COLUMNS
from satmint.store.sql.project_deletion import NEW_SESSION_EPOCH
from satmint.store.sql.subscribers import PROFILE_COLUMNS, insert_with_unique_name, own_address
from satmint.store.sql.table import stored

_FIELDS: Final = frozenset({*PROFILE_COLUMNS, "email"})
_PROFILE: Final = ", ".join(PROFILE_COLUMNS)
_PROFILE_TYPES: Final = ", ".join(f"{column} text" for column in PROFILE_COLUMNS)

# Always in the order of the references, against deadlocks. Of two steps with one reference, the
# first one creates the subscriber.
_OPEN: Final = f"""
WITH step AS MATERIALIZED (
    SELECT step.*, {_PROFILE}
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
                  $7::jsonb[], $8::bigint[], $9::uuid[], $10::text[], $11::text[], $12::text[],
                  $13::text[], $14::text[], $15::uuid[], $16::bigint[], $17::bigint[], $18::text[],
                  $19::bytea[], $20::text[], $21::bigint[], $22::uuid[], $23::uuid[], $24::bigint[],
                  $25::text[], $26::text[], $27::text[], $28::text[])
           WITH ORDINALITY AS step (project_id, subscriber_id, reference, reference_key, email,
                  email_key, fields, now, address_id, context, name, label, type,
                  channels, session_id, expires_at, deadline, jkt, event_id, event_kind, at,
                  event_session, event_subject, event_generation, cause, request_id, address,
                  agent, n)
     CROSS JOIN LATERAL jsonb_to_record(step.fields) AS profile ({_PROFILE_TYPES})
), created AS (
    INSERT INTO subscribers (project_id, subscriber_id, kind, reference, reference_key, email,
                             email_key, created_at, updated_at, {_PROFILE})
    SELECT project_id, subscriber_id, '{Kind.SUBSCRIBER.value}', reference, reference_key, email,
           email_key, now, now, {_PROFILE}
      FROM step
     ORDER BY project_id, reference_key, n
        ON CONFLICT DO NOTHING
    RETURNING subscriber_id
), first AS MATERIALIZED (
    SELECT step.* FROM step JOIN created USING (subscriber_id)
), addressed AS (
    INSERT INTO addresses (project_id, address_id, context, name, display_name, type, channels,
                           created_at, subscriber_id, locked)
    SELECT project_id, address_id, context, name, label, type, channels, now, subscriber_id, FALSE
      FROM first
     ORDER BY project_id, name, n
        ON CONFLICT (project_id, context, name) DO NOTHING
    RETURNING address_id
), opened AS (
    INSERT INTO sessions ({NEW_SESSION_COLUMNS})
    SELECT project_id, session_id,
           (SELECT {NEW_SESSION_EPOCH} FROM projects
             WHERE projects.project_id = first.project_id),
           subscriber_id, 0, '{Kind.SUBSCRIBER.value}', 0, now, expires_at, -1, now, deadline,
           expires_at + {REFRESH_TOKEN_GRACE_SECONDS}, expires_at + {REFRESH_TOKEN_GRACE_SECONDS},
           jkt, address, agent, NULL
      FROM first
), recorded AS (
    INSERT INTO events ({EVENT_COLUMNS}, position)
    SELECT project_id, event_id, event_kind, at, subscriber_id, event_session, event_subject,
           event_generation, cause, request_id, address, agent, {POSITION}
      FROM first
)
SELECT n, EXISTS (SELECT FROM addressed WHERE addressed.address_id = first.address_id)
           AS is_addressed
  FROM first
"""


class FirstSignInStep(msgspec.Struct, frozen=True):
    """A session for a new subscriber."""

    project: UUID
    subscriber: NewSubscriber
    change: SubscriberChange
    session: NewSession
    now: int
    event: Event

    @property
    def is_possible(self) -> bool:
        """Whether a batch can create such a subscriber: without a password."""
        return self.change.password_hash is None and self.change.fields.keys() <= _FIELDS


async def open_first(
    db: Connection, steps: Sequence[FirstSignInStep]
) -> Sequence[OpenedSession | None]:
    """Create subscribers with their addresses, and open sessions for them, in a transaction.

    Returns:
        None for a step whose reference or e-mail address is in use; then nothing was written of it.

    Raises:
        NotUnique: no name is free for an address.
    """
    addresses = [
        own_address(step.subscriber, step.project, step.change, step.now) for step in steps
    ]
    references = [step.subscriber.reference for step in steps]
    emails = [step.change.fields.get("email", step.subscriber.email) for step in steps]
    sessions = [step.session for step in steps]
    described, caused = event_arrays([step.event for step in steps])
    rows = await db.fetch(
        _OPEN,
        [step.project for step in steps],
        [step.subscriber.id for step in steps],
        references,
        [reference_key(reference) for reference in references],
        emails,
        [None if email is None else reference_key(email) for email in emails],
        [msgspec.json.encode(step.change.fields).decode() for step in steps],
        [step.now for step in steps],
        [address.id for address in addresses],
        [address.context for address in addresses],
        [address.name for address in addresses],
        [address.display_name for address in addresses],
        [stored(address.type) for address in addresses],
        [stored(address.channels) for address in addresses],
        [session.id for session in sessions],
        [session.expires_at for session in sessions],
        [session.deadline for session in sessions],
        [session.jkt for session in sessions],
        *described,
        *caused,
    )
    opened: list[OpenedSession | None] = [None] * len(steps)
    for row in rows:
        at = row["n"] - 1
        if not row["is_addressed"]:
            await insert_with_unique_name(PostgresTransaction(db), addresses[at])
        opened[at] = OpenedSession(steps[at].subscriber.id, 0)
    return opened
