"""`/console` of a development server's public listener, which signs in browsers of this machine."""

import pytest

from satmint.console.sign_in_link import development_operations
from satmint.console_assembly import seals_of
from tests.console.visitor import ADMIN, visiting
from tests.kit.pages import LOOPBACK, a_demo, at
from tests.kit.service import Server


async def test_it_leads_to_the_console_with_a_new_code_each_time(server: Server) -> None:
    operations = development_operations(seals_of(server.service), ADMIN, server.clock)
    app = server.service.app(LOOPBACK, a_demo(server), operations)
    async with at(app, LOOPBACK) as client:
        answers = [await client.get("/console") for _ in "ab"]
    links = [answer.headers["location"] for answer in answers]
    assert links[0] != links[1]
    for answer, link in zip(answers, links, strict=True):
        assert (answer.status_code, answer.headers["cache-control"]) == (303, "no-store")
        assert link.startswith(f"{ADMIN}/console?code=")
        async with visiting(server) as visitor:
            assert (await visitor.get(link.removeprefix(ADMIN))).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.test"},
        {"Host": "192.0.2.1:8080"},
        {"Origin": "http://127.0.0.1:8080"},
        {"X-Forwarded-For": "192.0.2.1"},
        {"Forwarded": "for=192.0.2.1"},
    ],
    ids=str,
)
async def test_it_is_for_browsers_of_this_machine(server: Server, headers: dict[str, str]) -> None:
    operations = development_operations(seals_of(server.service), ADMIN, server.clock)
    app = server.service.app(LOOPBACK, a_demo(server), operations)
    async with at(app, LOOPBACK) as client:
        answer = await client.get("/console", headers=headers)
    assert answer.status_code == 404
    assert "location" not in answer.headers


async def test_production_has_no_such_path(server: Server) -> None:
    assert (await server.client.get("/console")).status_code == 404
