"""The devices that the vendor's SDK 3.x registers for push messages.

They are stored and listed with their session; this server pushes nothing to them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from satmint.flows.callers import SubscriberCaller
from satmint.flows.service_context import ServiceContext
from satmint.model.claims import Kind
from satmint.model.records import DeviceType, RegisteredDevice, Session
from satmint.model.refusals import (
    Code,
    FieldError,
    Forbidden,
    NotFound,
    Unauthorized,
    Unprocessable,
)
from satmint.store.contract import NotRegistered

MAX_PER_SESSION: Final = 10


@dataclass(frozen=True, slots=True)
class DeviceRegistration:
    """A request to register a device."""

    type: DeviceType
    token: str = field(repr=False)
    """The device's token of a push service."""


async def register_device(
    services: ServiceContext, caller: SubscriberCaller, request: DeviceRegistration
) -> RegisteredDevice:
    """Register a device of the caller's session; the same device again is the one it was.

    Raises:
        Forbidden: the SAT is not of a permanent subscriber: nobody calls a guest.
        Unprocessable: the session has `MAX_PER_SESSION` other devices.
        Unauthorized: the session was deleted meanwhile.
    """
    _require_subscriber(caller)
    device = RegisteredDevice(
        id=services.new_id(),
        project=caller.project,
        session=caller.claims.sid,
        subscriber=caller.claims.sub,
        type=request.type,
        token=request.token,
        registered_at=services.clock.now(),
    )
    stored = await services.store.registered_devices.add(device, MAX_PER_SESSION)
    if stored is NotRegistered.TOO_MANY:
        message = f"A session has at most {MAX_PER_SESSION} devices: unregister one"
        raise Unprocessable(FieldError(Code.INVALID_PARAMETER, message), cause=stored.value)
    if stored is NotRegistered.UNKNOWN_SESSION:
        raise Unauthorized(stored.value)
    return stored


async def unregister_device(
    services: ServiceContext, caller: SubscriberCaller, device: UUID
) -> None:
    """Delete a device of the caller's subscriber, also one that another session registered.

    A browser that is signed in anew has a new session, and the id of the device from before.

    Raises:
        Forbidden: the SAT is not of a permanent subscriber.
        NotFound: the subscriber has no such device.
    """
    _require_subscriber(caller)
    devices = services.store.registered_devices
    if not await devices.delete(caller.project, caller.claims.sub, device):
        raise NotFound("registered_device")


async def registered_devices(
    services: ServiceContext, project: UUID, sessions: Sequence[Session]
) -> Mapping[UUID, Sequence[RegisteredDevice]]:
    """The devices of some sessions, by session; a session that is not active has none."""
    now = services.clock.now()
    active = [one.id for one in sessions if one.is_active(now) and one.kind is Kind.SUBSCRIBER]
    found: dict[UUID, list[RegisteredDevice]] = {}
    for device in await services.store.registered_devices.of_sessions(project, active):
        found.setdefault(device.session, []).append(device)
    return found


def _require_subscriber(caller: SubscriberCaller) -> None:
    if caller.claims.kind is not Kind.SUBSCRIBER:
        raise Forbidden("not_a_subscriber")
