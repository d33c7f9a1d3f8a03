"""The overviews: what has happened, who is concerned, and that projects do not see each other."""

import re
from typing import Any

import pytest

from tests.console.visitor import visiting
from tests.kit.service import REFRESH, TOKENS, Server, Tenant

OVERVIEW = "/console/overview"


async def steal(server: Server, tenant: Tenant, reference: str) -> None:
    """A refresh token that was used is presented after its successor was used, too."""
    client, auth = server.client, tenant.auth
    pair: dict[str, Any] = (
        await client.post(TOKENS, json={"reference": reference}, auth=auth)
    ).json()
    first = pair["refresh_token"]
    for _ in range(2):
        body = {"refresh_token": pair["refresh_token"]}
        pair = (await client.post(REFRESH, json=body, auth=auth)).json()
    await client.post(REFRESH, json={"refresh_token": first}, auth=auth)


def tile(page: str, name: str) -> str:
    """The number in a tile."""
    found = re.search(rf"<dt>{name}</dt><dd[^>]*>([^<]*)</dd>", page)
    assert found is not None, name
    return found[1]


@pytest.mark.parametrize("query", ["", "?range=six-hours", "?range=day", "?range=<script>"])
async def test_overview_counts_what_has_happened(server: Server, query: str) -> None:
    await steal(server, server.tenant, "alice@example.com")
    await server.client.get("/api/fabric/addresses", auth=("nobody", "wrong"))
    async with visiting(server) as visitor:
        await visitor.sign_in_as_operator()
        page = (await visitor.get(OVERVIEW + query)).text
    span = {"?range=six-hours": "6 hours", "?range=day": "1 day"}.get(query, "1 hour")
    assert tile(page, f"Issued, {span}") == "1"
    assert tile(page, f"Refreshed, {span}") == "2"
    assert tile(page, f"Refused, {span}") == "2"
    assert tile(page, f"Reuse, {span}") == "1"
    assert "bad credentials" in page
    assert "alice@example.com" in page
    assert 'aria-label="Tokens per ' in page
    assert "<script>" not in page


async def test_what_a_plot_shows_is_also_said(server: Server) -> None:
    await server.sign_in()
    async with visiting(server) as visitor:
        await visitor.sign_in_as_operator()
        page = (await visitor.get(OVERVIEW)).text
    assert "Tokens per minute: Issued 1, Bound 0, Refreshed 0, Replayed 0; highest 1" in page
    assert re.search(r"<title>\d\d:\d\d UTC: Issued 1</title>", page)


async def test_manager_sees_the_alerts_of_one_project(server: Server) -> None:
    other = await server.another_tenant()
    await steal(server, server.tenant, "alice@example.com")
    await steal(server, other, "mallory@example.com")
    async with visiting(server) as visitor:
        await visitor.sign_in_as_manager(other)
        page = (await visitor.get(f"/console/projects/{other.id}/overview")).text
    assert "mallory@example.com" in page
    assert "alice@example.com" not in page
    assert (tile(page, "Active sessions"), tile(page, "Subscribers")) == ("0", "1")


async def test_health_is_examined_while_the_page_does_not_wait(server: Server) -> None:
    async with visiting(server) as visitor:
        await visitor.sign_in_as_operator()
        page = (await visitor.get(OVERVIEW)).text
        for _ in range(200):  # each look waits a tenth of a second
            if "examined" in page:
                break
            page = (await visitor.get(OVERVIEW)).text
    assert "checks are good" in page
