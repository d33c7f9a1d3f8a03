"""Lists: pages that neither repeat nor skip, and links that carry everything."""

import json
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from satmint.model.base64url import b64url
from tests.http.answer_contract import field_errors
from tests.kit.service import BASE_URL, Server, said

ADDRESSES: Final = "/api/fabric/addresses"
SUBSCRIBERS: Final = "/api/fabric/resources/subscribers"
EVENTS: Final = "/api/satmint/events"
C2C: Final = "/api/satmint/c2c-tokens"
BAD_TOKEN: Final = [("page_token_is_invalid", "Page Token is invalid", "page_token")]

Page = dict[str, Any]


async def page(server: Server, url: str) -> Page:
    return said(await server.client.get(url, auth=server.tenant.auth), 200)


async def walk(server: Server, url: str, link: str = "next") -> list[Page]:
    """The pages from `url` on, following only `link`."""
    pages = [await page(server, url)]
    while link in pages[-1]["links"]:
        pages.append(await page(server, pages[-1]["links"][link]))
        assert len(pages) < 50
    return pages


def names(pages: list[Page]) -> list[str]:
    return [item["name"] for found in pages for item in found["data"]]


async def add_addresses(server: Server, *added: str) -> None:
    for name in added:
        body = {"name": name, "type": "room"}
        answer = await server.client.post(
            "/api/satmint/addresses", json=body, auth=server.tenant.auth
        )
        said(answer, 201)
        server.clock.advance(1)


async def remove(server: Server, item: dict[str, Any]) -> None:
    path = f"/api/satmint/addresses/{item['id']}"
    answer = await server.client.delete(path, auth=server.tenant.auth)
    assert answer.status_code == 204


@pytest.fixture
async def ten(server: Server) -> Server:
    """A server whose first tenant has ten addresses, `a` to `j`, one second apart."""
    for address in server.tenant.addresses:
        await remove(server, {"id": address.id})
    await add_addresses(server, *"abcdefghij")
    return server


async def test_first_page_has_no_prev_and_the_last_no_next(ten: Server) -> None:
    pages = await walk(ten, f"{ADDRESSES}?page_size=4")
    assert names(pages) == list("abcdefghij")
    assert [set(found["links"]) for found in pages] == [
        {"self", "first", "next"},
        {"self", "first", "next", "prev"},
        {"self", "first", "prev"},
    ]


async def test_list_that_fits_has_only_itself(ten: Server) -> None:
    only = await page(ten, f"{ADDRESSES}?page_size=10")
    assert only["links"] == {
        "self": f"{BASE_URL}{ADDRESSES}?page_size=10",
        "first": f"{BASE_URL}{ADDRESSES}?page_size=10",
    }


async def test_links_carry_every_parameter_of_the_question(ten: Server) -> None:
    asked = {"type": ["room"], "sort_by": ["name"], "sort_order": ["desc"], "page_size": ["3"]}
    url = f"{ADDRESSES}?type=room&sort_by=name&sort_order=desc&page_size=3"
    pages = await walk(ten, url)
    assert names(pages) == list("jihgfedcba")
    for number, found in enumerate(pages):
        for name, link in found["links"].items():
            parts = urlsplit(link)
            assert f"{parts.scheme}://{parts.netloc}{parts.path}" == BASE_URL + ADDRESSES
            query = parse_qs(parts.query)
            assert asked.items() <= query.items()
            assert ("page_token" in query) is (
                name in ("next", "prev") or (name == "self" and number > 0)
            )
        assert found["links"]["first"] == BASE_URL + url


async def test_query_of_a_link_is_enough_by_itself(ten: Server) -> None:
    """The vendor's Python SDK takes the query of `next` and builds the rest itself."""
    first = await page(ten, f"{ADDRESSES}?page_size=6")
    query = urlsplit(first["links"]["next"]).query
    assert names([await page(ten, f"{ADDRESSES}?{query}")]) == list("ghij")


async def test_values_survive_the_links(server: Server) -> None:
    strange = "a b&c=d?e#f+g%20\u00e9\U0001f600"
    for name in ("one", "two"):
        body = {"name": name, "type": "room", "display_name": strange}
        answer = await server.client.post(
            "/api/satmint/addresses", json=body, auth=server.tenant.auth
        )
        said(answer, 201)
    answer = await server.client.get(
        ADDRESSES, params={"display_name": strange, "page_size": 1}, auth=server.tenant.auth
    )
    first = said(answer, 200)
    second = await page(server, first["links"]["next"])
    assert sorted(names([first, second])) == ["one", "two"]


async def test_back_to_the_beginning_by_prev(ten: Server) -> None:
    last = (await walk(ten, f"{ADDRESSES}?page_size=4"))[-1]
    back = await walk(ten, last["links"]["self"], "prev")
    assert [names([found]) for found in back] == [list("ij"), list("efgh"), list("abcd")]
    assert "prev" not in back[-1]["links"]
    assert names([await page(ten, back[-1]["links"]["next"])]) == list("efgh")


async def test_rows_that_come_and_go_are_neither_repeated_nor_skipped(ten: Server) -> None:
    first = await page(ten, f"{ADDRESSES}?page_size=4")
    await remove(ten, first["data"][0])
    await remove(ten, first["data"][3])
    await add_addresses(ten, "k")
    second = await page(ten, first["links"]["next"])
    assert names([second]) == list("efgh")
    await remove(ten, second["data"][0])
    assert names([await page(ten, second["links"]["next"])]) == list("ijk")
    assert names([await page(ten, second["links"]["prev"])]) == list("bc")


async def test_rows_that_come_in_front_are_not_seen_and_shift_nothing(ten: Server) -> None:
    first = await page(ten, f"{ADDRESSES}?page_size=4&sort_by=name")
    await add_addresses(ten, "aa", "bb")
    assert names([await page(ten, first["links"]["next"])]) == list("efgh")


async def test_page_numbers_count_from_zero(ten: Server) -> None:
    first = await page(ten, f"{ADDRESSES}?page_size=4&page_number=0")
    assert names([first]) == list("abcd")
    assert "page_number=1&" in first["links"]["next"]
    middle = await page(ten, first["links"]["next"])
    assert names([middle]) == list("efgh")
    assert set(middle["links"]) == {"self", "first", "next", "prev"}
    assert names([await page(ten, middle["links"]["prev"])]) == list("abcd")


async def test_page_number_without_the_token_of_that_page_is_refused(ten: Server) -> None:
    """As at the vendor: rows that come and go would shift the pages that are only counted."""
    path = f"{ADDRESSES}?page_size=4&page_number=1"
    answer = await ten.client.get(path, auth=ten.tenant.auth)
    message = "Page Token is required if Page Number is greater than 0"
    assert field_errors(answer) == [("page_token_required", message, "page_token")]


async def test_page_number_of_prev_is_never_negative(ten: Server) -> None:
    """A token alone leads into the middle, where the client has counted no pages."""
    first = await page(ten, f"{ADDRESSES}?page_size=4")
    token = parse_qs(urlsplit(first["links"]["next"]).query)["page_token"][0]
    middle = await page(ten, f"{ADDRESSES}?page_size=4&page_token={token}")
    assert parse_qs(urlsplit(middle["links"]["prev"]).query)["page_number"] == ["0"]
    assert names([await page(ten, middle["links"]["prev"])]) == list("abcd")


async def test_fifty_items_by_default(server: Server) -> None:
    for number in range(51):
        await server.sign_in(f"user {number}")
    pages = await walk(server, SUBSCRIBERS)
    assert [len(found["data"]) for found in pages] == [50, 1]


@pytest.mark.parametrize("path", [SUBSCRIBERS, EVENTS, C2C, ADDRESSES])
@pytest.mark.parametrize("query", ["", "&sort_order=asc", "&sort_order=desc", "&sort_by=name"])
async def test_every_list_is_walked_there_and_back(server: Server, path: str, query: str) -> None:
    for number in range(3):
        await server.sign_in(f"user {number}")
        await server.c2c_token()
        server.clock.advance(number % 2)
    there = await walk(server, f"{path}?page_size=2{query}")
    ids = [item["id"] for found in there for item in found["data"]]
    assert len(ids) == len(set(ids)) >= 3
    back = await walk(server, there[-1]["links"]["self"], "prev")
    assert [item["id"] for found in reversed(back) for item in found["data"]] == ids


async def test_sessions_and_own_addresses_are_lists_too(server: Server) -> None:
    pairs = [await server.sign_in("alice") for _ in range(3)]
    subscriber = pairs[0]["subscriber_id"]
    for path, count in (
        (f"/api/satmint/subscribers/{subscriber}/sessions", 3),
        (f"{SUBSCRIBERS}/{subscriber}/addresses", 1),
    ):
        for query in ("", "&sort_by=name"):
            pages = await walk(server, f"{path}?page_size=1{query}")
            assert len({found["data"][0]["id"] for found in pages}) == len(pages) == count


def forged(*mark: object) -> str:
    return b64url(json.dumps(mark).encode())


ID: Final = "c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f"


@pytest.mark.parametrize(
    "token",
    [
        *("", "x", "....", "%00", "é", "AA==", "a b", "A" * 5000),
        b64url(b"\xff"),
        b64url(b"{}"),
        b64url(b"[" * 3000),
        forged(),
        forged(1, ID),
        forged(1, ID, False, 1),
        forged("name", ID, False),
        forged(None, ID, False),
        forged(True, ID, False),
        forged(1.5, ID, False),
        forged(1 << 63, ID, False),
        forged(-(1 << 63) - 1, ID, False),
        forged(10**30, ID, False),
        forged(1, "x", False),
        forged(1, ID, 0),
        b64url(b'[NaN,"' + ID.encode() + b'",false]'),
        b64url(b'["\\ud800","' + ID.encode() + b'",false]'),
    ],
)
async def test_page_token_that_is_rubbish(server: Server, token: str) -> None:
    answer = await server.client.get(
        ADDRESSES, params={"page_token": token}, auth=server.tenant.auth
    )
    assert field_errors(answer) == BAD_TOKEN


async def test_page_token_with_nul_is_rubbish_in_every_order(server_on_each_store: Server) -> None:
    """PostgreSQL has no text with NUL."""
    server = server_on_each_store
    query = {"sort_by": "name", "page_token": forged("a\0", ID, False)}
    answer = await server.client.get(ADDRESSES, params=query, auth=server.tenant.auth)
    assert field_errors(answer) == BAD_TOKEN


async def test_page_token_of_another_order_is_refused(ten: Server) -> None:
    by_name = await page(ten, f"{ADDRESSES}?page_size=4&sort_by=name")
    query = parse_qs(urlsplit(by_name["links"]["next"]).query)
    answer = await ten.client.get(
        ADDRESSES, params={"page_token": query["page_token"][0]}, auth=ten.tenant.auth
    )
    assert field_errors(answer) == BAD_TOKEN


async def test_forged_page_token_shows_nothing_of_another_project(server: Server) -> None:
    other = await server.another_tenant()
    for mark in (forged(0, ID, False), forged(1 << 62, ID, True)):
        answer = await server.client.get(
            ADDRESSES, params={"page_token": mark}, auth=server.tenant.auth
        )
        shown = {item["id"] for item in said(answer, 200)["data"]}
        assert shown == {str(address.id) for address in server.tenant.addresses}
        assert shown.isdisjoint(str(address.id) for address in other.addresses)


async def test_events_in_ascending_order_are_followed_whatever_the_clock_does(
    server: Server,
) -> None:
    """By requesting the last page again: what is new is behind what was there."""
    url, seen = f"{EVENTS}?sort_order=asc&page_size=3", list[str]()
    for step in (0, -3600, 15, -15, 7200, -86_400):
        server.clock.advance(step)
        await add_addresses(server, f"room-{len(seen)}")
        await server.sign_in(f"user-{len(seen)}")
        pages = await walk(server, url)
        new = [event["id"] for found in pages for event in found["data"] if event["id"] not in seen]
        assert [event["id"] for found in pages for event in found["data"]][-len(new) :] == new
        seen += new
        url = pages[-1]["links"]["self"]
    everything = await walk(server, f"{EVENTS}?sort_order=asc&page_size=1000")
    assert seen == [event["id"] for event in everything[0]["data"]]
    assert len(seen) >= 6


async def test_page_token_of_events_from_an_earlier_version_is_refused(server: Server) -> None:
    """It contains a time. Taken for a position, it would skip events or repeat them."""
    token = b64url(json.dumps([server.clock.now(), str(server.tenant.id), False]).encode())
    answer = await server.client.get(f"{EVENTS}?page_token={token}", auth=server.tenant.auth)
    assert field_errors(answer) == BAD_TOKEN
