"""The step of `reference_keys`: keys of subscribers, and names of their addresses.

An address was named after its subscriber's reference. It gets its name by the rule of today, unless
somebody has named it since: a name that is the subscriber's reference or e-mail address was never
set by hand, nor was an e-mail address from which the address has its `name` as well.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.naming import is_email, public_name, reference_slug
from satmint.store.sql.port import Row, Transaction, read_uuid
from satmint.store.sql.subscriber_keys import assign_keys, project_ids

_ADDRESSES: Final = (
    "SELECT addresses.address_id, addresses.name,"
    " addresses.display_name AS label, subscribers.reference, subscribers.email,"
    " subscribers.display_name, subscribers.first_name, subscribers.last_name"
    " FROM addresses JOIN subscribers ON subscribers.project_id = addresses.project_id"
    " AND subscribers.subscriber_id = addresses.subscriber_id"
    " WHERE addresses.project_id = $1 AND subscribers.reference IS NOT NULL"
    " AND (addresses.display_name = subscribers.reference"
    " OR addresses.display_name = subscribers.email OR addresses.display_name LIKE '%@%')"
)
_RENAME: Final = "UPDATE addresses SET display_name = $3 WHERE project_id = $1 AND address_id = $2"


@dataclass(frozen=True, slots=True)
class _Named:
    """An address that may be named after its subscriber's reference."""

    address: UUID
    is_derived: bool
    label: str


async def migrate(tx: Transaction) -> None:
    """Set the keys, and rename addresses."""
    await assign_keys(tx)
    for project in await project_ids(tx):
        found = await tx.fetch(_named, _ADDRESSES, project)
        rows = [(project, named.address, named.label) for named in found if named.is_derived]
        if rows:
            await tx.execute_many(_RENAME, rows)


def _named(row: Row) -> _Named:
    address, label, reference = read_uuid(row["address_id"]), row["label"], row["reference"]
    slug = reference_slug(label)
    from_label = is_email(label) and row["name"] in (slug, f"{slug}-{address.hex[:12]}")
    return _Named(
        address=address,
        is_derived=label in (reference, row["email"]) or from_label,
        label=public_name(row["display_name"], row["first_name"], row["last_name"])
        or reference_slug(reference),
    )
