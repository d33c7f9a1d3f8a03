"""Examines a deployment, and says of each check what was found and what to do.

`satmint doctor --live` starts every few seconds: nothing here imports more than it needs.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from satmint.doctor.finding import Finding, Level
from satmint.settings import Settings

if TYPE_CHECKING:
    from satmint.flows.service_context import ServiceContext

__all__ = ["Finding", "Level", "examine"]


async def examine(
    settings: Settings, services: "ServiceContext | None" = None
) -> Sequence[Finding]:
    """See `satmint.doctor.examination.examine`."""
    from satmint.doctor.examination import examine as run  # noqa: PLC0415 - see above

    return await run(settings, services)
