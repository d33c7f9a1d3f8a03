"""What the feed tells of an event."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from satmint.model.events import Event, EventIds, EventKind, Origin
from satmint.model.revocations import Revocation, RevokedKind, revocation_of
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy

PROJECT, SUBSCRIBER, SESSION, SUBJECT = (UUID(int=number) for number in range(1, 5))
EVENT = Event(
    id=EventIds(SeededEntropy()).next(NOW),
    project=PROJECT,
    kind=EventKind.ADDRESS_DELETED,
    at=NOW,
    origin=Origin(request_id="req-1", address="192.0.2.7", agent="suite/1"),
)


@pytest.mark.parametrize(
    ("event", "kind", "named"),
    [
        (EVENT, RevokedKind.PROJECT, PROJECT),
        (replace(EVENT, subject=SUBJECT), RevokedKind.ADDRESS, SUBJECT),
        (
            replace(EVENT, subject=SUBJECT, subscriber=SUBSCRIBER),
            RevokedKind.SUBSCRIBER,
            SUBSCRIBER,
        ),
        (
            replace(EVENT, subject=SUBJECT, subscriber=SUBSCRIBER, session=SESSION),
            RevokedKind.SESSION,
            SESSION,
        ),
    ],
    ids=["nothing", "a subject", "a subscriber", "a session"],
)
def test_the_narrowest_that_an_event_names_is_forgotten(
    event: Event, kind: RevokedKind, named: UUID
) -> None:
    assert revocation_of(event) == Revocation(kind, str(named), NOW, None, "address_deleted")


@pytest.mark.parametrize("kind", EventKind)
def test_epoch_is_told_of_an_event_that_raises_it_and_of_no_other(kind: EventKind) -> None:
    raises = kind in (EventKind.SUBSCRIBER_REVOKED, EventKind.PROJECT_REVOKED)
    told = revocation_of(replace(EVENT, kind=kind), 7)
    assert (told.epoch, told.reason) == (7 if raises else None, kind.value)
