"""The display name of a subscriber's address, which guests and visitors read."""

from uuid import UUID

import pytest

from satmint.model.listing import AddressFilter
from satmint.store.contract import Store, SubscriberChange
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given

Fields = dict[str, str | None]


async def label(store: Store, project: UUID, subscriber: UUID) -> tuple[str, str]:
    """Name and display name of its only address."""
    page = await store.addresses.list(project, AddressFilter(subscriber=subscriber), ALL)
    (address,) = page.items
    return address.name, address.display_name


@pytest.mark.parametrize(
    ("reference", "fields", "expected"),
    [
        ("frank.m@example.com", {}, ("frank-m", "frank-m")),
        ("frank.m@example.com", {"display_name": "Frank M."}, ("frank-m", "Frank M.")),
        ("u1", {"first_name": "Frank", "last_name": "Miller"}, ("frank-miller", "Frank Miller")),
        ("u2", {"display_name": "frank@example.org", "last_name": "Miller"}, ("miller", "Miller")),
        ("u3@example.com", {"display_name": "frank@example.org"}, ("u3", "u3")),
        ("User 7!", {}, ("user-7", "user-7")),
        ("u4", {"display_name": "Frank @ Work"}, ("frank-work", "Frank @ Work")),
    ],
)
async def test_address_is_named_after_its_subscriber_and_never_after_an_email_address(
    store: Store, given: Given, reference: str, fields: Fields, expected: tuple[str, str]
) -> None:
    project = await given.project()
    created = await given.subscriber(project, reference, fields=fields)
    assert await label(store, project, created) == expected
    other = await given.project()
    opened = await given.signed_in(other, reference, fields=fields)
    assert await label(store, other, opened.subscriber) == expected


async def test_display_name_of_an_address_follows_and_its_name_stays(
    store: Store, given: Given
) -> None:
    project = await given.project()
    frank = await given.subscriber(project, "frank@example.com", "frank@example.com")
    steps: list[tuple[Fields, str]] = [
        ({"first_name": "Frank"}, "Frank"),
        ({"last_name": "Miller"}, "Frank Miller"),
        ({"display_name": "Franky"}, "Franky"),
        ({"first_name": "Francis"}, "Franky"),
        ({"display_name": ""}, "Francis Miller"),
        ({"first_name": None, "last_name": None}, "frank"),
        ({"email": "miller@example.com"}, "miller"),
        ({"country": "SE"}, "miller"),
    ]
    for fields, expected in steps:
        await store.subscribers.update(project, frank, SubscriberChange(fields), NOW)
        assert await label(store, project, frank) == ("frank", expected)


async def test_display_name_of_an_address_follows_a_sign_in(store: Store, given: Given) -> None:
    project = await given.project()
    opened = await given.signed_in(project, "frank@example.com", fields={})
    await given.signed_in(project, "FRANK@example.com", fields={"display_name": "Frank M."})
    assert await label(store, project, opened.subscriber) == ("frank", "Frank M.")


async def test_display_name_that_was_set_by_hand_stays(store: Store, given: Given) -> None:
    project = await given.project()
    frank = await given.subscriber(project, "frank@example.com")
    (own,) = await store.addresses.of_subscriber(project, frank)
    await store.addresses.update(project, own.id, {"display_name": "Reception"})
    change = SubscriberChange({"display_name": "Frank M."})
    await store.subscribers.update(project, frank, change, NOW)
    assert await label(store, project, frank) == ("frank", "Reception")
