"""Files of events: what a search finds, as JSON lines and CSV, in parts, of one project."""

import csv
import json
from collections.abc import AsyncIterator

import pytest

from satmint.console import event_export
from tests.console.visitor import Visitor, visiting
from tests.kit.service import Server

HOSTILE = '=HYPERLINK("http://evil.example")'


@pytest.fixture
async def visitor(server_on_each_store: Server) -> AsyncIterator[Visitor]:
    async with visiting(server_on_each_store) as visitor:
        await visitor.sign_in_as_operator()
        yield visitor


@pytest.fixture
def base(visitor: Visitor) -> str:
    return f"/console/projects/{visitor.server.tenant.id}/events"


async def test_files_have_each_event_once_newest_first(
    visitor: Visitor, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_export, "_PAGE_SIZE", 2)
    server = visitor.server
    issued = [(await server.sign_in(f"user {number}"))["token"] for number in range(5)]
    answer = await visitor.client.get(f"{base}?kind=issued&as=jsonl")
    assert answer.headers["content-disposition"].endswith('.jsonl"')
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["reference"] for line in lines] == [f"user {one}" for one in range(4, -1, -1)]
    assert not any(token in answer.text for token in issued)
    answer = await visitor.client.get(f"{base}?kind=issued&as=csv")
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [row["id"] for row in rows] == [line["id"] for line in lines]
    answer = await visitor.client.get(f"{base}?subscriber=user%203&as=csv")
    assert len(list(csv.DictReader(answer.text.splitlines()))) == 1


async def test_no_cell_is_a_formula(visitor: Visitor, base: str) -> None:
    server = visitor.server
    server.client.headers["User-Agent"] = "+1+1"
    await server.sign_in(HOSTILE)
    answer = await visitor.client.get(f"{base}?kind=issued&as=csv")
    (row,) = csv.DictReader(answer.text.splitlines())
    assert row["reference"] == f"'{HOSTILE}"
    assert row["agent"] == "'+1+1"


async def test_bad_search_and_head_send_no_file(visitor: Visitor, base: str) -> None:
    answer = await visitor.client.get(f"{base}?session=x&as=csv")
    assert answer.status_code == 422
    assert "content-disposition" not in answer.headers
    answer = await visitor.client.head(f"{base}?as=csv")
    assert answer.status_code == 200
    assert not answer.content
