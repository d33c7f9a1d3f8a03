"""The console while the database cannot be used, and other things that go wrong."""

import httpx

from satmint.console.context import ConsoleContext
from satmint.console.page import Page, View
from satmint.console.request import ConsoleRequest
from tests.console.visitor import visiting
from tests.kit.service import Server


async def test_page_says_so_and_loads_itself_again(server: Server) -> None:
    async with visiting(server) as visitor:
        await visitor.sign_in_as_operator()
        await server.service.store.close()
        for path in ("/console/overview", f"/console/projects/{server.tenant.id}/api-tokens"):
            answer = await visitor.get(path)
            assert answer.status_code == 503
            assert answer.headers["refresh"] == "3"
            assert answer.headers["retry-after"] == "3"
            assert "The database does not answer" in answer.text
        answer = await visitor.get("/console/overview", **{"Sec-Fetch-Dest": "empty"})
        assert "refresh" not in answer.headers
        # The cookie stays: when the database is back, nobody has to sign in again.
        assert "satmint-console-9464" in visitor.client.cookies
        assert (await visitor.get("/console/sign-in")).status_code == 503


async def test_sign_in_while_the_database_is_away_is_refused(server: Server) -> None:
    async with visiting(server) as visitor:
        await server.service.store.close()
        answer = await visitor.get(visitor.link())
        assert answer.status_code == 503
        assert "set-cookie" not in answer.headers
        assert (await visitor.get("/console/sign-in")).status_code == 200


async def test_mistake_in_a_page_is_logged_and_shows_nothing_of_it(server: Server) -> None:
    async def broken(_context: ConsoleContext, _request: ConsoleRequest) -> View:
        raise ValueError("an inner secret")

    page = Page(path="/broken", title="Broken", show=broken)
    async with visiting(server, pages=[page]) as visitor:
        await visitor.get(visitor.link())
        answer = await visitor.get("/console/broken")
    assert answer.status_code == 500
    assert "an inner secret" not in answer.text
    assert answer.headers["x-request-id"] in answer.text


async def test_page_that_does_not_exist(server: Server) -> None:
    async with visiting(server) as visitor:
        await visitor.sign_in_as_operator()
        for path in ("/console/nothing", "/console/<script>", "/console/assets/x.js"):
            answer: httpx.Response = await visitor.get(path)
            assert answer.status_code == 404
            assert "<script>" not in answer.text.replace("<script type", "")
