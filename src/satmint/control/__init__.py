"""Clock control and fault injection for development servers.

Only the command `satmint dev` imports this package, never `satmint serve` (a house test checks it).
It has a clock that can be moved, faults for the next requests, and sessions whose tokens expire
early. All of this state is in memory and ends with the process. It also serves the documentation.
"""

from satmint.control.application import development_application
from satmint.control.documentation import DOCUMENTATION_PAGE, documentation_operations
from satmint.control.operations import DemoContents, control_operations
from satmint.control.reference import PAGE as REFERENCE_PAGE
from satmint.control.state import Control

__all__ = [
    "DOCUMENTATION_PAGE",
    "REFERENCE_PAGE",
    "Control",
    "DemoContents",
    "control_operations",
    "development_application",
    "documentation_operations",
]
