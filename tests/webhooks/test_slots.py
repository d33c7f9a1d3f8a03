"""How many deliveries may be in progress at once."""

from uuid import UUID

from satmint.model.webhooks import Webhook, WebhookState
from satmint.webhooks import DispatchLimits
from satmint.webhooks.slots import Slots
from tests.kit.clock import NOW

LIMITS = DispatchLimits(total=4, per_project=3, per_endpoint=2)


def webhook(number: int, project: int, state: WebhookState = WebhookState.ACTIVE) -> Webhook:
    url = "https://hooks.example/"
    return Webhook(UUID(int=number), UUID(int=project), url, "sealed", NOW, state=state)


def test_slots_are_full_when_the_total_is_in_progress_and_not_before() -> None:
    slots = Slots(LIMITS)
    for number in range(4):
        assert (slots.used, slots.is_full) == (number, False)
        slots.take(webhook(number, number))
    assert (slots.used, slots.is_full) == (4, True)
    assert slots.room_for(webhook(9, 9)) == 0
    slots.give_back(webhook(0, 0))
    assert (slots.used, slots.is_full) == (3, False)
    assert slots.room_for(webhook(9, 9)) == 1


def test_endpoint_has_its_share_of_its_projects_share() -> None:
    slots = Slots(LIMITS)
    one, other = webhook(1, 1), webhook(2, 1)
    assert slots.room_for(one) == 2
    slots.take(one)
    slots.take(one)
    assert (slots.room_for(one), slots.room_for(other)) == (0, 1)
    slots.take(other)
    assert (slots.room_for(other), slots.room_for(webhook(3, 2))) == (0, 1)


def test_endpoint_that_is_not_known_to_be_fast_has_one_at_a_time() -> None:
    slots = Slots(LIMITS)
    slow = webhook(1, 1, WebhookState.SLOW)
    assert slots.room_for(slow) == 1
    slots.take(slow)
    assert slots.room_for(slow) == 0
    slots.give_back(slow)
    assert slots.room_for(slow) == 1


def taken(limits: DispatchLimits, *webhooks: Webhook) -> Slots:
    slots = Slots(limits)
    for one in webhooks:
        slots.take(one)
    return slots


def test_slow_endpoints_of_a_project_leave_half_of_its_share_to_the_others() -> None:
    limits = DispatchLimits(total=100, per_project=6, per_endpoint=6)
    slow = [webhook(number, 1, WebhookState.SLOW) for number in range(4)]
    assert taken(limits, *slow[:2]).room_for(slow[2]) == 1
    full = taken(limits, *slow[:3])
    assert full.room_for(slow[3]) == 0
    assert full.room_for(webhook(9, 1)) == 3
    assert full.room_for(webhook(9, 2, WebhookState.PAUSED)) == 1
    full.give_back(slow[0])
    assert full.room_for(slow[3]) == 1


def test_slow_endpoints_of_all_projects_leave_half_of_the_total_to_the_others() -> None:
    limits = DispatchLimits(total=6, per_project=6, per_endpoint=6)
    slow = [webhook(number, number, WebhookState.SLOW) for number in range(4)]
    assert taken(limits, *slow[:2]).room_for(slow[2]) == 1
    full = taken(limits, *slow[:3])
    assert full.room_for(slow[3]) == 0
    assert full.room_for(webhook(9, 9)) == 3


def test_a_project_that_has_its_share_leaves_the_rest_to_others() -> None:
    limits = DispatchLimits(total=100, per_project=2, per_endpoint=2)
    busy = taken(limits, webhook(1, 1), webhook(2, 1))
    assert busy.room_for(webhook(3, 1)) == busy.room_for(webhook(4, 1, WebhookState.SLOW)) == 0
    assert busy.room_for(webhook(3, 2)) == 2


def test_slots_that_nobody_has_are_forgotten() -> None:
    slots, slow = Slots(LIMITS), webhook(1, 1, WebhookState.SLOW)
    slots.take(slow)
    slots.give_back(slow)
    assert (slots._endpoints, slots._projects, slots._unproven) == ({}, {}, {})
