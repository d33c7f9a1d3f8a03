"""Who is admitted to the gateway."""

from uuid import UUID

import pytest

from satmint.model.claims import Kind
from satmint.model.live import Admission
from tests.kit.clock import NOW


@pytest.mark.parametrize("kind", Kind)
def test_subscriber_can_be_online_and_nobody_else(kind: Kind) -> None:
    admission = Admission(UUID(int=1), UUID(int=2), UUID(int=3), 0, kind, "jti", NOW)
    assert admission.reachable is (kind is Kind.SUBSCRIBER)


def test_admission_that_says_no_more_is_unbound_and_limited_to_nothing() -> None:
    found = Admission(UUID(int=1), UUID(int=2), UUID(int=3), 0, Kind.SUBSCRIBER, "jti", NOW)
    assert (found.scope, found.jkt, found.application) == ((), None, None)
    assert (found.addresses, found.address_owners) == (None, frozenset())
    assert (found.inviter, found.c2c_token) == (None, None)
