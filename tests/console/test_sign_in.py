"""Who gets into the console, for how long, and who does not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from satmint.console.session import IDLE_SECONDS, LINK_SECONDS, SESSION_SECONDS
from satmint.flows.credentials import delete_api_token, update_api_token
from satmint.model.listing import Window
from satmint.model.permissions import Permission
from tests.console.visitor import Visitor, visiting
from tests.kit.service import ORIGIN, Server, a_service

PROJECTS = "/console/projects"


@pytest.fixture
async def visitor(server: Server) -> AsyncIterator[Visitor]:
    async with visiting(server) as visitor:
        yield visitor


async def test_link_signs_in_the_operator_and_leaves_the_address_bar(visitor: Visitor) -> None:
    answer = await visitor.get(visitor.link())
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console"
    assert answer.headers["cache-control"] == "no-store"
    cookie = answer.headers["set-cookie"]
    name, _, attributes = cookie.partition("=")
    assert name == "satmint-console-9464"
    assert (
        attributes.partition("; ")[2] == "Path=/console; Max-Age=28800; HttpOnly; SameSite=Strict"
    )
    assert (await visitor.get(PROJECTS)).status_code == 200


async def test_code_is_good_once(server: Server, visitor: Visitor) -> None:
    link = visitor.link()
    assert (await visitor.get(link)).status_code == 303
    async with visiting(server) as other:
        answer = await other.get(link)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert "This sign-in link is not valid" in answer.text
    # Who has signed in with it may press «back».
    assert (await visitor.get(link)).headers["location"] == "/console"


async def test_code_is_good_once_also_after_a_restart(tmp_path: Path) -> None:
    async with a_service(tmp_path) as server, visiting(server) as visitor:
        link, clock, tenant = visitor.link(), server.clock, server.tenant
        assert (await visitor.get(link)).status_code == 303
    async with (
        a_service(tmp_path, clock=clock, tenant=tenant) as server,
        visiting(server) as visitor,
    ):
        assert (await visitor.get(link)).status_code == 401


async def test_code_is_good_for_a_minute(server: Server, visitor: Visitor) -> None:
    late, early = visitor.link(), visitor.link()
    server.clock.advance(LINK_SECONDS - 1)
    assert (await visitor.get(early)).status_code == 303
    async with visiting(server) as other:
        server.clock.advance(1)
        assert (await other.get(late)).status_code == 401


@pytest.mark.parametrize("code", ["x", "a.b.c", "%00", "é", "x" * 5000])
async def test_code_that_nobody_sealed_is_refused(visitor: Visitor, code: str) -> None:
    answer = await visitor.get(f"/console?code={code}")
    assert answer.status_code in (401, 422)
    assert "set-cookie" not in answer.headers


async def test_cookie_of_a_session_is_no_code_and_the_other_way_round(
    server: Server, visitor: Visitor
) -> None:
    code = visitor.link().partition("code=")[2]
    await visitor.sign_in_as_operator()
    cookie = visitor.client.cookies["satmint-console-9464"]
    async with visiting(server) as other:
        assert (await other.get(f"/console?code={cookie}")).status_code == 401
        other.client.cookies.set("satmint-console-9464", code, path="/console")
        assert (await other.get(PROJECTS)).status_code == 401


async def test_session_ends_after_an_hour_without_a_page(server: Server, visitor: Visitor) -> None:
    await visitor.sign_in_as_operator()
    for _ in range(3):
        server.clock.advance(IDLE_SECONDS - 1)
        assert (await visitor.get(PROJECTS)).status_code == 200
    server.clock.advance(IDLE_SECONDS)
    answer = await visitor.get(f"{PROJECTS}?search=demo")
    assert answer.status_code == 401
    assert "Your session has expired" in answer.text
    assert 'value="/console/projects?search=demo"' in answer.text


@pytest.mark.parametrize(
    "background",
    [
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"},
        {"X-Background": "1"},
        {"Accept": "text/event-stream"},
    ],
    ids=str,
)
async def test_what_scripts_ask_for_does_not_prolong_a_session(
    server: Server, visitor: Visitor, background: dict[str, str]
) -> None:
    await visitor.sign_in_as_operator()
    server.clock.advance(IDLE_SECONDS - 1)
    answer = await visitor.get(PROJECTS, **background)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    server.clock.advance(1)
    assert (await visitor.get(PROJECTS, **background)).status_code == 401


async def test_session_ends_after_eight_hours(server: Server, visitor: Visitor) -> None:
    await visitor.sign_in_as_operator()
    for _ in range(SESSION_SECONDS // 1800 - 1):
        server.clock.advance(1800)
        assert (await visitor.get(PROJECTS)).status_code == 200
    server.clock.advance(1800)
    assert (await visitor.get(PROJECTS)).status_code == 401


async def test_signing_out_ends_the_session_also_for_who_has_copied_the_cookie(
    server: Server, visitor: Visitor
) -> None:
    await visitor.sign_in_as_operator()
    await visitor.get(PROJECTS)
    cookie = visitor.client.cookies["satmint-console-9464"]
    answer = await visitor.follow(await visitor.post("/console/sign-out"))
    assert "You are signed out." in answer.text
    assert "satmint-console-9464" not in visitor.client.cookies
    async with visiting(server) as thief:
        thief.client.cookies.set("satmint-console-9464", cookie, path="/console")
        assert (await thief.get(PROJECTS)).status_code == 401


async def test_manager_sees_one_project_only(server: Server, visitor: Visitor) -> None:
    other = await server.another_tenant("another")
    await visitor.sign_in_as_manager()
    own = f"/console/projects/{server.tenant.id}/api-tokens"
    assert (await visitor.get(own)).status_code == 200
    for path in (PROJECTS, f"/console/projects/{other.id}/api-tokens"):
        answer = await visitor.get(path)
        assert answer.status_code == 404, path
        assert "another" not in answer.text
        assert str(other.id) not in answer.text


async def test_manager_is_led_to_the_page_that_was_asked_for(
    server: Server, visitor: Visitor
) -> None:
    wanted = f"/console/projects/{server.tenant.id}/api-tokens?x=1"
    fields = {
        "project": str(server.tenant.id),
        "api_token": server.tenant.api_token,
        "following": wanted,
    }
    answer = await visitor.send("/console/sign-in", fields)
    assert answer.headers["location"] == wanted


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "/console/\r\nX: y",
        "/other",
        "/console/é",
    ],
)
async def test_sign_in_leads_nowhere_else(server: Server, visitor: Visitor, following: str) -> None:
    fields = {
        "project": str(server.tenant.id),
        "api_token": server.tenant.api_token,
        "following": following,
    }
    answer = await visitor.send("/console/sign-in", fields)
    assert answer.headers["location"] == "/console"


async def test_manager_is_signed_out_when_the_api_token_loses_the_permission_or_is_deleted(
    server: Server,
) -> None:
    services, project = server.services, server.tenant.id
    (token,) = (await services.store.projects.list_api_tokens(project, Window(10))).items
    own = f"/console/projects/{project}/api-tokens"
    async with visiting(server) as first, visiting(server) as second:
        await first.sign_in_as_manager()
        lesser = frozenset({Permission.VIDEO})
        await update_api_token(services, project, token.id, None, lesser, ORIGIN)
        assert (await first.get(own)).status_code == 401
        await update_api_token(services, project, token.id, None, frozenset(Permission), ORIGIN)
        await second.sign_in_as_manager()
        await delete_api_token(services, project, token.id, ORIGIN)
        assert (await second.get(own)).status_code == 401


@pytest.mark.parametrize("wrong", ["project", "api_token", "both"])
async def test_wrong_credentials_do_not_say_which(
    server: Server, visitor: Visitor, wrong: str
) -> None:
    fields = {
        "project": str(server.tenant.id) if wrong == "api_token" else "nobody",
        "api_token": server.tenant.api_token if wrong == "project" else "PT" + "0" * 48,
    }
    answer = await visitor.send("/console/sign-in", fields)
    assert answer.status_code == 401
    assert "Project id or API token is wrong" in answer.text
    assert server.tenant.api_token not in answer.text
    assert "PT000" not in answer.text


async def test_sign_in_attempts_are_limited_by_address(tmp_path: Path) -> None:
    fields = {"project": "nobody", "api_token": "wrong"}
    async with a_service(tmp_path, failures_per_minute=3) as server:
        async with visiting(server, address="192.0.2.1") as visitor:
            statuses = [(await visitor.send("/console/sign-in", fields)).status_code for _ in "12"]
            statuses += [(await visitor.get(f"/console?code={text}")).status_code for text in "34"]
            assert statuses == [401, 401, 401, 429]
            answer = await visitor.send("/console/sign-in", fields)
            assert answer.status_code == 429
            assert "Too many failed attempts" in answer.text
            # A correct credential is not held back by others' failures.
            await visitor.sign_in_as_manager()
        async with visiting(server, address="198.51.100.1") as other:
            assert (await other.send("/console/sign-in", fields)).status_code == 401


async def test_cookie_is_secure_behind_a_proxy_with_tls(visitor: Visitor) -> None:
    answer = await visitor.get(visitor.link(), **{"X-Forwarded-Proto": "https"})
    assert answer.headers["set-cookie"].startswith("__Secure-satmint-console-9464=")
    assert answer.headers["set-cookie"].endswith("; Secure")


async def test_consoles_on_two_ports_of_a_machine_do_not_sign_each_other_out(
    server: Server,
) -> None:
    async with visiting(server, "http://localhost:9464") as visitor:
        first = (await visitor.get(visitor.link())).headers["set-cookie"]
    async with visiting(server, "http://localhost:9465") as visitor:
        second = (await visitor.get(visitor.link())).headers["set-cookie"]
    assert first.partition("=")[0] != second.partition("=")[0]


async def test_cookies_of_other_applications_of_this_host_do_no_harm(visitor: Visitor) -> None:
    await visitor.sign_in_as_operator()
    own = visitor.client.cookies["satmint-console-9464"]
    visitor.client.cookies.clear()
    for others in ('a={"b": [1]}; c', "=; ;;=x y", 'q="un;closed'):
        cookies = f"{others}; satmint-console-9464={own}; z=1"
        answer = await visitor.get(PROJECTS, Cookie=cookies)
        assert answer.status_code == 200, others


async def test_no_secret_in_the_log(
    server: Server, visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    link = visitor.link()
    await visitor.get(link)
    await visitor.get(link)
    fields = {"project": "x", "api_token": "PT-very-secret"}
    await visitor.send("/console/sign-in", fields)
    await visitor.sign_in_as_manager()
    for secret in (link.partition("code=")[2], "PT-very-secret", server.tenant.api_token):
        assert secret not in caplog.text
