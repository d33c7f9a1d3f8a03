"""What other pages and other hosts can make a browser do to the console: nothing."""

from collections.abc import AsyncIterator

import pytest

from satmint.console.page import Action, Page, Redirect, View
from satmint.console.pages import PAGES
from tests.console.visitor import Visitor, visiting
from tests.kit.service import Server

PROJECTS = "/console/projects"


@pytest.fixture
async def visitor(server: Server) -> AsyncIterator[Visitor]:
    async with visiting(server) as visitor:
        await visitor.sign_in_as_operator()
        await visitor.get(PROJECTS)
        yield visitor


@pytest.mark.parametrize("token", [None, "", "wrong"])
async def test_change_without_the_csrf_token_is_refused(
    visitor: Visitor, token: str | None
) -> None:
    answer = await visitor.send("/console/sign-out", {} if token is None else {"csrf_token": token})
    assert answer.status_code == 403
    assert (await visitor.get(PROJECTS)).status_code == 200


async def test_csrf_token_of_another_session_is_refused(server: Server, visitor: Visitor) -> None:
    async with visiting(server) as other:
        await other.sign_in_as_operator()
        await other.get(PROJECTS)
        assert other.csrf_token != visitor.csrf_token
        answer = await visitor.send("/console/sign-out", {"csrf_token": other.csrf_token})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "http://127.0.0.1:8080"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
async def test_change_that_another_page_caused_is_refused(
    visitor: Visitor, headers: dict[str, str]
) -> None:
    assert (await visitor.post("/console/sign-out", None, **headers)).status_code == 403
    assert (await visitor.get(PROJECTS)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
    ids=str,
)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_pages_cannot_be_read_or_framed_by_others(
    visitor: Visitor, site: str, headers: dict[str, str]
) -> None:
    answer = await visitor.get(PROJECTS, **{"Sec-Fetch-Site": site, **headers})
    assert answer.status_code == 403


async def test_link_of_another_site_leads_to_the_page_in_two_steps(
    server: Server, visitor: Visitor
) -> None:
    cross_site = {"Sec-Fetch-Site": "cross-site"}
    assert (await visitor.get(PROJECTS, **cross_site)).status_code == 200
    async with visiting(server) as stranger:  # or a browser that withholds the cookie
        answer = await stranger.get(PROJECTS, **cross_site)
        assert (answer.status_code, answer.headers["refresh"]) == (200, "0")
        assert "Demo" not in answer.text
        answer = await stranger.get(PROJECTS, **{"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 401


@pytest.mark.parametrize("host", ["evil.test:9464", "localhost.evil.test", "127.0.0.1.evil.test"])
async def test_name_that_a_site_has_resolved_to_this_machine_is_not_served(
    visitor: Visitor, host: str
) -> None:
    answer = await visitor.get(PROJECTS, Host=host)
    assert answer.status_code == 404
    assert "satmint console" not in answer.text
    # Without TLS, browsers send Fetch Metadata to this machine only, by its own names.
    answer = await visitor.client.get("/console/sign-in", headers={"Host": host})
    assert answer.status_code == 404


async def test_every_answer_has_the_restrictive_headers(visitor: Visitor) -> None:
    stylesheet = next(url for url in visitor.page.all("href", "link") if url.endswith(".css"))
    for path in (PROJECTS, "/console", "/console/nothing", "/console/sign-in", stylesheet):
        headers = (await visitor.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "://" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
        immutable = path == stylesheet
        assert ("immutable" in headers["cache-control"]) == immutable
        assert (headers["cache-control"] == "no-store") != immutable


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_are_refused(visitor: Visitor, method: str) -> None:
    answer = await visitor.client.request(method, PROJECTS)
    assert answer.status_code == 405


async def test_page_that_changes_nothing_refuses_forms(visitor: Visitor) -> None:
    assert (await visitor.post(PROJECTS)).status_code == 405


async def test_too_large_a_form_is_refused(visitor: Visitor) -> None:
    assert (await visitor.post("/console/sign-out", {"x": "y" * 70_000})).status_code == 413


@pytest.mark.parametrize("query", ["%ff", "search=%00", "&".join(["a=b"] * 300)])
async def test_malformed_query_is_refused(visitor: Visitor, query: str) -> None:
    assert (await visitor.get(f"{PROJECTS}?{query}")).status_code == 422


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.actions],
    ids=lambda page: page.path,
)
async def test_every_action_needs_the_csrf_token(visitor: Visitor, page: Page) -> None:
    path = page.path.replace("{project}", str(visitor.server.tenant.id))
    path = path.partition("{")[0] + ("0" * 8 if "{" in path else "")
    for action in page.actions:
        answer = await visitor.send(f"/console{path}/{action.name}", {})
        assert answer.status_code in (403, 404), action.name


async def test_message_after_a_change_is_shown_once_and_is_not_in_the_url(server: Server) -> None:
    async def show(_context: object, _request: object) -> View:
        return View("refused.html", {"text": "the page"})

    async def change(_context: object, _request: object) -> Redirect:
        return Redirect("/console/sample", "<b>3 sessions</b> were revoked.")

    page = Page(path="/sample", title="Sample", show=show, actions=(Action("change", change),))
    async with visiting(server, pages=[page]) as visitor:
        await visitor.get(visitor.link())
        await visitor.get("/console/sample")
        answer = await visitor.post("/console/sample/change")
        assert answer.headers["location"] == "/console/sample"
        shown = (await visitor.follow(answer)).text
        assert "&lt;b&gt;3 sessions&lt;/b&gt; were revoked." in shown
        assert "were revoked" not in (await visitor.get("/console/sample")).text


async def test_browser_that_opens_the_listener_is_led_to_the_console(visitor: Visitor) -> None:
    answer = await visitor.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    assert (await visitor.client.get("/")).status_code == 404
    assert (await visitor.client.get("/metrics")).status_code == 200
