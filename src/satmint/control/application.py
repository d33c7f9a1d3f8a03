"""The application of a development server: the production application wrapped in middleware.

The operations of the control endpoint are part of the wrapped application. The middleware adds what
an operation cannot do.
"""

from starlette.types import ASGIApp

from satmint.control.fault_injection import FaultInjection
from satmint.control.local_only import LocalOnly
from satmint.control.recorder import CauseLog, Recording
from satmint.control.server_date import ServerDate
from satmint.control.state import Control
from satmint.http.application import Application


def development_application(control: Control, app: Application) -> ASGIApp:
    """Return `app` wrapped in middleware that applies the clock and the faults of `control`.

    The requests are recorded, too.

    Args:
        control: The state that the operations of `control_operations` change.
        app: The application, including those operations.
    """
    app.request_log = CauseLog(control.recorder.add_cause)
    faulty = FaultInjection(app, control, app.router, app.request_ids, app.responder)
    dated = ServerDate(LocalOnly(faulty, app.request_ids, app.responder), control.clock)
    return Recording(dated, control.recorder, lambda: app.context.services.cipher)
