"""What a development server offers, as its console shows and changes it."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from satmint.assembly import Service
from satmint.console.development import ArmedFault, ClockState, ExpiredSession
from satmint.control import Control
from satmint.control.bodies import CLOCK, ExpiryTarget, fault_schema
from satmint.control.changes import Changes
from satmint.control.faults import InjectedFault
from satmint.control.operations import faulty_operations
from satmint.http.body_schema import BodySchema, ReadContext
from satmint.http.upgrades import ROUTE
from satmint.model.recorded_exchange import Exchange
from satmint.model.refusals import Unprocessable

T = TypeVar("T")


class DevelopmentTools:
    """See `satmint.console.development.Development`, also for what the methods do."""

    def __init__(self, control: Control, service: Service) -> None:
        """Prepare.

        Args:
            control: The state of the control endpoint.
            service: The service.
        """
        self._control = control
        self._service = service
        self._changes = Changes(control)
        self._fault_schema = fault_schema(faulty_operations())

    @property
    def operations(self) -> Sequence[str]:
        """See `Development`."""
        return [*faulty_operations(), ROUTE]

    def exchanges(self) -> Sequence[Exchange]:
        """See `Development`."""
        return [*self._control.recorder.exchanges]

    def forget_exchanges(self) -> None:
        """See `Development`."""
        self._control.recorder.exchanges.clear()

    def clock(self) -> ClockState:
        """See `Development`."""
        clock = self._control.clock
        return ClockState(clock.now(), clock.offset, clock.frozen)

    def faults(self) -> Sequence[ArmedFault]:
        """See `Development`."""
        return [
            ArmedFault(one.fault.kind.value, one.fault.operation, one.left, _detail(one.fault))
            for one in self._control.faults.armed()
        ]

    def expired(self) -> Sequence[ExpiredSession]:
        """See `Development`."""
        return [
            ExpiredSession(expiry.session, expiry.since) for expiry in self._control.expiries.all()
        ]

    def move_clock(self, members: Mapping[str, object]) -> None:
        """See `Development`."""
        self._changes.move_clock(self._read(CLOCK, members))

    def reset_clock(self) -> None:
        """See `Development`."""
        self._changes.reset_clock()

    def arm(self, members: Mapping[str, object]) -> None:
        """See `Development`."""
        self._changes.arm(self._read(self._fault_schema, members))

    def disarm(self) -> None:
        """See `Development`."""
        self._changes.disarm()

    def cut_sockets(self) -> int:
        """See `Development`."""
        return self._changes.cut_sockets()

    async def expire(self, project: UUID, session: UUID, what: str) -> None:
        """See `Development`."""
        target = ExpiryTarget.SAT if what == ExpiryTarget.SAT else ExpiryTarget.ALL
        await self._changes.expire(self._service.services, project, session, target)

    def reset(self) -> None:
        """See `Development`."""
        self._changes.reset()

    def _read(self, schema: BodySchema[T], members: Mapping[str, object]) -> T:
        context = ReadContext(self._control.clock.now(), self._service.services.policy)
        values, field_errors = schema.read(members, context)
        if field_errors:
            raise Unprocessable(*field_errors)
        return schema.build(values)


def _detail(fault: InjectedFault) -> str:
    if fault.seconds is not None:
        return f"{fault.seconds:g} s"
    if fault.status is None:
        return ""
    retry = "" if fault.retry_after is None else f", Retry-After {fault.retry_after} s"
    return f"status {fault.status}{retry}"
