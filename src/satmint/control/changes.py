"""Changes of a development server's clock, faults and sessions, and the log lines about them."""

from uuid import UUID

import structlog

from satmint.control.bodies import ClockChange, ExpiryTarget
from satmint.control.expiries import Expiry
from satmint.control.faults import MAX_ARMED, ArmedFault, InjectedFault
from satmint.control.state import Control
from satmint.flows.service_context import ServiceContext
from satmint.flows.session_queries import get_session
from satmint.model.lifetimes import REFRESH_TOKEN_GRACE_SECONDS
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable


class Changes:
    """The changes, for the control endpoint and for the console."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._log = structlog.get_logger("satmint.control")

    def reset(self) -> None:
        """Reset everything; see `Control.reset`."""
        self._control.reset()
        self._log.info("dev_state_reset")

    def move_clock(self, change: ClockChange) -> None:
        """Move, set, stop or continue the clock."""
        clock = self._control.clock
        if change.frozen is True:
            clock.freeze()
        if change.set is not None:
            clock.set(change.set)
        if change.advance is not None:
            clock.advance(change.advance)
        if change.frozen is False:
            clock.resume()
        self._log.info("clock_moved", now=clock.now(), frozen=clock.frozen)

    def reset_clock(self) -> None:
        """Return to the time of the system clock."""
        self._control.clock.reset()
        self._log.info("clock_reset")

    def arm(self, fault: InjectedFault) -> ArmedFault:
        """Arm a fault.

        Raises:
            Unprocessable: too many are armed.
        """
        armed = self._control.faults.arm(fault)
        if armed is None:
            message = f"No more than {MAX_ARMED} faults can be armed"
            raise Unprocessable(FieldError(Code.INVALID_PARAMETER, message))
        self._log.info("fault_armed", kind=fault.kind, route=fault.operation, times=fault.times)
        return armed

    def disarm_one(self, fault: UUID) -> ArmedFault:
        """Disarm a fault.

        Raises:
            NotFound: it is not armed, or applied to all of its requests.
        """
        disarmed = self._control.faults.disarm(fault)
        if disarmed is None:
            raise NotFound("fault")
        self._log.info("fault_disarmed", kind=disarmed.fault.kind, left=disarmed.left)
        return disarmed

    def disarm(self) -> None:
        """Disarm all faults."""
        self._control.faults.disarm_all()
        self._log.info("faults_disarmed")

    def cut_sockets(self) -> int:
        """Abort all WebSocket connections. Return how many there were."""
        count = self._control.sockets.cut()
        self._log.info("sockets_cut", count=count)
        return count

    async def expire(
        self, services: ServiceContext, project: UUID, session_id: UUID, what: ExpiryTarget
    ) -> Expiry:
        """Expire the tokens that a session has now.

        Raises:
            NotFound: the project has no such session.
        """
        session = await get_session(services.store, project, session_id)
        now = services.clock.now()
        if what is ExpiryTarget.SAT:
            sat_exp = now
        else:
            # Beyond every grace period: neither a refresh token nor a key can refresh any more.
            slack = max(REFRESH_TOKEN_GRACE_SECONDS, services.policy.device_slack_seconds)
            sat_exp = now - slack - 1
        expiry = Expiry(session.id, session.head.generation, now, sat_exp)
        self._control.expire(expiry)
        self._log.info("session_expired", session=str(session.id), sat_exp=sat_exp)
        return expiry
