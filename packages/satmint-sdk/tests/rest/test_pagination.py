"""Following `links.next`, whatever it says."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint_sdk.rest import AsyncRestClient, RequestOptions, RestClient, SignalWireRestError
from satmint_sdk.rest._call import Call
from satmint_sdk.rest._pages import Cursor

LIST = "/api/fabric/addresses"


class Book(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A list whose pages are found by their query."""

    def __init__(self, pages: dict[str, Any]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host == "example.test"
        assert request.url.path == LIST
        query = request.url.query.decode()
        self.asked.append(query)
        return httpx.Response(200, json=self.pages[query])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


def page(ids: list[str], following: Any = None) -> dict[str, Any]:
    return {"data": [{"id": name} for name in ids], "links": {"next": following}}


def read(pages: dict[str, Any], **arguments: Any) -> tuple[list[str], list[str]]:
    book = Book(pages)
    with RestClient("p", "t", "example.test", transport=book) as client:
        return [item["id"] for item in client.fabric.addresses.paginate(**arguments)], book.asked


THREE = {
    "page_size=2": page(["a", "b"], f"https://example.test{LIST}?page_size=2&page_token=x"),
    "page_size=2&page_token=x": page([], "?page_size=2&page_token=y"),
    "page_size=2&page_token=y": page(["c"]),
}


def test_an_empty_page_is_not_the_end() -> None:
    assert read(THREE, page_size=2) == (["a", "b", "c"], list(THREE))


async def test_the_other_client_reads_the_same() -> None:
    book = Book(THREE)
    async with AsyncRestClient("p", "t", "example.test", transport=book) as client:
        found = [item["id"] async for item in client.fabric.addresses.paginate(page_size=2)]
    assert (found, book.asked) == (["a", "b", "c"], list(THREE))


def test_pages_are_asked_for_when_they_are_reached() -> None:
    book = Book(THREE)
    items = RestClient("p", "t", "example.test", transport=book).fabric.addresses.paginate(
        page_size=2
    )
    assert book.asked == []
    assert [next(items)["id"], next(items)["id"]] == ["a", "b"]
    assert len(book.asked) == 1


def test_a_link_to_another_host_brings_no_credentials_there() -> None:
    pages = {
        "": page(["a"], "https://evil.test/steal?page_token=x"),
        "page_token=x": page(["b"]),
    }
    assert read(pages)[0] == ["a", "b"]


@pytest.mark.parametrize("link", ["", "?", "?page_number=0", "#", "https://example.test/"])
def test_a_page_that_follows_itself_ends_the_list(link: str) -> None:
    pages = {"": page(["a"], link), "page_number=0": page(["b"], link)}
    found, asked = read(pages)
    assert found in (["a"], ["a", "b"])
    assert len(asked) <= 2


def test_a_repeated_link_ends_the_list_whatever_its_order() -> None:
    pages = {
        "": page(["a"], "?u=1&v=2"),
        "u=1&v=2": page(["b"], "?v=2&u=1"),
    }
    assert read(pages)[0] == ["a", "b"]


@pytest.mark.parametrize(
    "answer",
    [{}, {"data": None}, {"data": [], "links": None}, {"links": {}}, {"data": [], "links": []},
     {"data": [], "links": {"next": None}}, {"data": [], "links": {"next": 7}}],
)  # fmt: skip
def test_absent_and_null_members_end_the_list(answer: dict[str, Any]) -> None:
    assert read({"": answer}) == ([], [""])


def test_options_and_errors_are_those_of_every_page() -> None:
    answers = iter([
        httpx.Response(200, json=page(["a"], "?n=1")),
        httpx.Response(503),
        httpx.Response(200, json=page(["b"], "?n=2")),
        httpx.Response(404, json={"error": "Not Found"}),
    ])  # fmt: skip
    client = RestClient(
        "p", "t", "example.test", transport=httpx.MockTransport(lambda _: next(answers))
    )
    options = RequestOptions(retries=1, retry_backoff=0)
    items = client.fabric.addresses.paginate(request_options=options)
    assert [next(items)["id"], next(items)["id"]] == ["a", "b"]
    with pytest.raises(SignalWireRestError) as refused:
        next(items)
    assert refused.value.status_code == 404


@given(st.lists(st.text(max_size=20), max_size=30))
def test_any_links_lead_to_an_end(links: list[str]) -> None:
    """A server that answers every query with a random link cannot keep a reader for ever."""
    first: Call[Any] = Call("GET", "/l")
    cursor = Cursor(first)
    taken = 0
    while cursor.pending is not None:
        link = links[taken % len(links)] if links else ""
        cursor.take({"data": [], "links": {"self": "", "first": "", "next": link}})
        taken += 1
        assert taken <= len(links) + 2
