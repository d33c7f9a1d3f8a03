"""The page of events: found by kind, subscriber, session and time; pages; one project only."""

import pytest

from tests.console.shown import text_of
from tests.console.visitor import Visitor
from tests.kit.service import Server

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
async def project(server: Server) -> str:
    server.client.headers["User-Agent"] = HOSTILE
    for reference in ("alice", HOSTILE):
        await server.sign_in(reference)
    return f"/console/projects/{server.tenant.id}/events"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True),
        ("kind=issued", True),
        ("kind=key_rotated", False),
        ("subscriber=alice", True),
        ("subscriber=%20alice%20", True),
        ("session=00000000-0000-4000-8000-000000000000", False),
        ("since=0", True),
        ("until=1", False),
        ("page_token=nonsense", True),
    ],
)
async def test_events_are_found(visitor: Visitor, project: str, query: str, found: bool) -> None:
    answer = await visitor.get(f"{project}?{query}")
    assert answer.status_code == 200
    shown = text_of(answer)
    assert ("alice" in shown.split("Apply")[1]) == found
    assert ("No events here" in shown) == (not found)


@pytest.mark.parametrize("query", ["kind=x", "subscriber=nobody", "session=x", "since=x"])
async def test_a_search_that_means_nothing_says_so(
    visitor: Visitor, project: str, query: str
) -> None:
    answer = await visitor.get(f"{project}?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


async def test_a_hostile_reference_and_agent_are_text(visitor: Visitor, project: str) -> None:
    answer = await visitor.get(project)
    assert HOSTILE not in answer.text
    assert text_of(answer).count(HOSTILE) >= 3  # the reference, and two agents


async def test_a_project_sees_its_own_events_only(
    server: Server, visitor: Visitor, project: str
) -> None:
    other = await server.another_tenant()
    theirs = await visitor.get(project.replace(str(server.tenant.id), str(other.id)))
    assert theirs.status_code == 200
    assert "alice" not in text_of(theirs)


async def test_pages_of_events_neither_repeat_nor_omit(
    server: Server, visitor: Visitor, project: str
) -> None:
    for number in range(60):
        await server.sign_in(f"person-{number:02d}")
    first = await visitor.get(project)
    assert "person-59" in text_of(first)
    assert "person-00" not in text_of(first)
    following = next(
        attributes["href"]
        for tag, attributes in visitor.page.elements
        if tag == "a" and attributes.get("rel") == "next"
    )
    second = await visitor.get(following)
    shown = [text_of(answer).split("Apply")[1] for answer in (first, second)]
    for number in range(60):
        assert sum(f"person-{number:02d}" in text for text in shown) == 1, number
