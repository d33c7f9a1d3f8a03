"""The devices that the holders of SATs register."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from satmint.model.records import RegisteredDevice
from satmint.store.contract import NotRegistered
from satmint.store.sql.port import Database, Row, Transaction, placeholders
from satmint.store.sql.table import Table

_DEVICES: Final = Table("registered_devices", RegisteredDevice, id="device_id")
_ORDER: Final = "ORDER BY registered_at, device_id"
_OF_SESSION: Final = f"{_DEVICES.select} WHERE project_id = $1 AND session_id = $2 {_ORDER}"
_SESSION: Final = "SELECT 1 AS known FROM sessions WHERE project_id = $1 AND session_id = $2"
_DELETE: Final = (
    "DELETE FROM registered_devices WHERE project_id = $1 AND device_id = $2 AND subscriber_id = $3"
)


class SqlRegisteredDevices:
    """See `RegisteredDeviceStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, device: RegisteredDevice, limit: int) -> RegisteredDevice | NotRegistered:
        """See `RegisteredDeviceStore.add`."""
        key = device.project, device.session

        async def work(tx: Transaction) -> RegisteredDevice | NotRegistered:
            # Concurrent calls count each other's devices, and the session is not purged meanwhile.
            await tx.lock_session(*key)
            if await tx.fetch_one(_known, _SESSION, *key) is None:
                return NotRegistered.UNKNOWN_SESSION
            devices = await tx.fetch(_DEVICES.build, _OF_SESSION, *key)
            for one in devices:
                if (one.type, one.token) == (device.type, device.token):
                    return one
            if len(devices) >= limit:
                return NotRegistered.TOO_MANY
            await tx.execute(_DEVICES.insert, *_DEVICES.values(device))
            return device

        return await self._db.transaction(work, project=device.project, read_committed=True)

    async def of_sessions(
        self, project: UUID, sessions: Collection[UUID]
    ) -> Sequence[RegisteredDevice]:
        """See `RegisteredDeviceStore.of_sessions`."""
        if not sessions:
            return ()
        _, _, named = placeholders(len(sessions) + 1).partition(", ")
        query = f"{_DEVICES.select} WHERE project_id = $1 AND session_id IN ({named}) {_ORDER}"
        return await self._db.fetch_list(_DEVICES.build, query, project, *sessions)

    async def delete(self, project: UUID, subscriber: UUID, device: UUID) -> bool:
        """See `RegisteredDeviceStore.delete`."""
        return await self._db.execute(_DELETE, project, device, subscriber, project=project) > 0


def _known(row: Row) -> bool:
    return bool(row["known"])
