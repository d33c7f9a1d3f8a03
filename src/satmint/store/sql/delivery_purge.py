"""Bounds what is kept of a webhook's deliveries; a step examines a few webhooks."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.deliveries import HISTORY_LENGTH, HISTORY_SECONDS, PAUSED, DeliveryState
from satmint.model.webhooks import GIVE_UP_SECONDS
from satmint.store.sql.delivery_history import first_id_at, give_up_before
from satmint.store.sql.port import Row, Transaction, read_uuid

_WEBHOOKS: Final = 20
"""Webhooks that one step examines: for each one, it counts to `HISTORY_LENGTH` twice."""
_STATES: Final = (DeliveryState.DELIVERED, DeliveryState.GIVEN_UP)


def _of(table: str, condition: str = "") -> str:
    """The ids in a table of the deliveries of `part`'s webhook."""
    return (
        f"SELECT h.event_id FROM {table} h WHERE h.project_id = part.project_id"
        f" AND h.webhook_id = part.webhook_id{condition}"
    )


def _in_state(state: DeliveryState) -> str:
    ids = _of("delivery_history", f" AND h.state = '{state}'")
    newest = f"({ids} ORDER BY h.event_id DESC LIMIT 1 OFFSET {HISTORY_LENGTH - 1})"
    return f"({ids} ORDER BY h.event_id LIMIT 1) AS {state}_oldest, {newest} AS {state}_first_kept"


_EXAMINE: Final = f"""
SELECT part.project_id, part.webhook_id, {", ".join(map(_in_state, _STATES))},
       CASE WHEN paused_at > 0
            THEN ({_of("deliveries")} ORDER BY h.event_id LIMIT 1) END AS pending_oldest
  FROM (SELECT project_id, webhook_id, paused_at FROM webhooks
         WHERE (project_id, webhook_id) > ($1, $2)
         ORDER BY project_id, webhook_id LIMIT $3) AS part
 ORDER BY part.project_id, part.webhook_id
"""
_EXAMINE_PROJECT: Final = _EXAMINE.replace("> ($1, $2)", "> ($1, $2) AND project_id = $1")
_FORGET: Final = """
DELETE FROM delivery_history
 WHERE project_id = $1 AND webhook_id = $2 AND state = $3 AND event_id IN
       (SELECT event_id FROM delivery_history
         WHERE project_id = $1 AND webhook_id = $2 AND state = $3 AND event_id < $4
         ORDER BY event_id LIMIT $5)
"""


@dataclass(frozen=True, slots=True)
class _DeliveryBounds:
    """A webhook, with the ids of the oldest deliveries that it has."""

    project: UUID
    webhook: UUID
    oldest: dict[DeliveryState, tuple[bytes | None, bytes | None]]
    """By final state: the oldest delivery, and the oldest one of those that are few enough."""
    pending: bytes | None
    """The oldest pending one, if an operator has paused the webhook."""


async def purge_deliveries(
    tx: Transaction,
    after: tuple[UUID, UUID],
    now: int,
    limit: int,
    *,
    of_project: bool = False,
) -> tuple[int, tuple[UUID, UUID] | None]:
    """Delete what is too old or too much in the history of some webhooks.

    Pending deliveries of paused webhooks are given up when they are as old as others would be.

    Args:
        tx: The transaction.
        after: Examine webhooks behind this one.
        of_project: Whether to examine those of its project only.
        now: Unix seconds.
        limit: The most rows to change.

    Returns:
        The number of changed rows, and behind which webhook the next step continues; None: the pass
        is over.
    """
    examine = _EXAMINE_PROJECT if of_project else _EXAMINE
    webhooks = await tx.fetch(_examined, examine, *after, _WEBHOOKS)
    count = 0
    for one in webhooks:
        count += await _purge_webhook(tx, one, now, limit - count)
        if count >= limit:
            return count, after  # this one may have more
        after = one.project, one.webhook
    return count, after if len(webhooks) == _WEBHOOKS else None


async def _purge_webhook(tx: Transaction, one: _DeliveryBounds, now: int, limit: int) -> int:
    key = one.project, one.webhook
    count = 0
    expired = first_id_at(now - GIVE_UP_SECONDS + 1)
    if one.pending is not None and one.pending < expired:
        count += await give_up_before(tx, *key, expired, PAUSED, limit)
    forgotten = first_id_at(now - HISTORY_SECONDS)
    for state, (oldest, first_kept) in one.oldest.items():
        bound = max(forgotten, first_kept or b"")
        if oldest is not None and oldest < bound and count < limit:
            count += await tx.execute(_FORGET, *key, str(state), bound, limit - count)
    return count


def _examined(row: Row) -> _DeliveryBounds:
    return _DeliveryBounds(
        read_uuid(row["project_id"]),
        read_uuid(row["webhook_id"]),
        {state: (row[f"{state}_oldest"], row[f"{state}_first_kept"]) for state in _STATES},
        row["pending_oldest"],
    )
