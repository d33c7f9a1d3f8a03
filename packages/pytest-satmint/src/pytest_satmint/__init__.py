"""pytest plugin: a satmint server for the tests of a program, with its clock and faults.

pytest loads the fixtures from `pytest_satmint.plugin` by itself. The names below are the types of
what the fixtures return, for annotations.
"""

from pytest_satmint._version import __version__
from pytest_satmint.calls import Call, SatmintCalls
from pytest_satmint.clock import SatmintClock
from pytest_satmint.control import SatmintError
from pytest_satmint.faults import Fault, SatmintFaults
from pytest_satmint.server import Address, Satmint
from pytest_satmint.tokens import Guest, GuestFactory, Subscriber, SubscriberFactory

__all__ = [
    "Address",
    "Call",
    "Fault",
    "Guest",
    "GuestFactory",
    "Satmint",
    "SatmintCalls",
    "SatmintClock",
    "SatmintError",
    "SatmintFaults",
    "Subscriber",
    "SubscriberFactory",
    "__version__",
]
