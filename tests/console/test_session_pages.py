"""Sessions: found, looked at, and revoked alone, by choice and by filter."""

import pytest

from satmint.console.times import exact_time
from satmint.model.ids import as_uuid
from tests.console.record_samples import KEY
from tests.console.shown import text_of
from tests.console.visitor import Visitor
from tests.kit.service import Server


@pytest.fixture
def base(server: Server) -> str:
    return f"/console/projects/{server.tenant.id}/sessions"


async def session_of(server: Server, sat: str) -> str:
    answer = await server.client.post(
        "/api/satmint/tokens/introspect", json={"token": sat}, auth=server.tenant.auth
    )
    return str(answer.json().get("session_id"))


async def is_active(server: Server, sat: str) -> bool:
    answer = await server.client.post(
        "/api/satmint/tokens/introspect", json={"token": sat}, auth=server.tenant.auth
    )
    return bool(answer.json()["active"])


async def test_sessions_are_found_by_whom_and_what_they_are(
    server: Server, visitor: Visitor, base: str
) -> None:
    ada = (await server.sign_in("ada"))["token"]
    bob = (await server.sign_in("bob", fingerprint=KEY, scope="sat:refresh"))["token"]
    one, two = await session_of(server, ada), await session_of(server, bob)
    for query, found in (
        ("", {one, two}),
        ("?search=ada", {one}),
        (f"?search={KEY}", {two}),
        ("?bound=true", {two}),
        ("?bound=false&state=active&kind=subscriber&since=24h", {one}),
        ("?kind=guest", set()),
        ("?state=revoked", set()),
        ("?search=203.0.113.9", set()),
        ("?search=nobody", set()),
    ):
        shown = (await visitor.get(f"{base}{query}")).text
        assert {each for each in (one, two) if f"{base}/{each}" in shown} == found, query
    answer = await visitor.get(f"{base}?search={one}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{base}/{one}")
    problem = await visitor.get(f"{base}?search=nobody")
    assert "must be the id or the reference of a subscriber" in text_of(problem)


async def test_one_session_says_how_it_went_and_what_ended_it(
    server: Server, visitor: Visitor, base: str
) -> None:
    first = await server.sign_in("ada")
    second = await server.rotate(first["refresh_token"])
    await server.rotate(first["refresh_token"])
    session = await session_of(server, second["token"])
    shown = text_of(await visitor.get(f"{base}/{session}"))
    assert "active" in shown
    for part in ("Generation 1, since", "Replays 1 of", "issued 1", "refreshed 1", "replayed 1"):
        assert part in shown, part
    asked = await visitor.get(f"{base}/{session}/revoke")
    assert "1 session will be revoked." in text_of(asked)
    assert await is_active(server, second["token"])
    done = await visitor.post(f"{base}/{session}/revoke", {})
    assert (done.status_code, done.headers["location"]) == (303, f"{base}/{session}")
    assert not await is_active(server, second["token"])
    shown = text_of(await visitor.get(f"{base}/{session}"))
    assert "The session was revoked." in shown
    assert "Ended by session revoked" in shown
    assert (await visitor.get(f"{base}/{as_uuid('0' * 32) or server.tenant.id}")).status_code == 404


async def test_chosen_sessions_are_revoked_and_no_other(
    server: Server, visitor: Visitor, base: str
) -> None:
    tokens = [(await server.sign_in(f"user-{number}"))["token"] for number in range(3)]
    sessions = [await session_of(server, token) for token in tokens]
    nothing = await visitor.get(f"{base}/revoke?chosen=yes")
    assert (nothing.status_code, nothing.headers["location"]) == (303, base)
    asked = await visitor.get(
        f"{base}/revoke?chosen=yes&session={sessions[0]}&session={sessions[2]}"
    )
    assert "2 sessions will be revoked." in text_of(asked)
    twice = [sessions[0], sessions[2], sessions[0]]
    done = await visitor.post(f"{base}/revoke", {"session": twice})
    assert "2 sessions were revoked." in text_of(await visitor.follow(done))
    assert [await is_active(server, token) for token in tokens] == [False, True, False]


async def test_all_that_a_filter_finds_are_counted_confirmed_and_revoked(
    server: Server, visitor: Visitor, base: str
) -> None:
    plain = (await server.sign_in("ada"))["token"]
    bound = (await server.sign_in("ada", fingerprint=KEY, scope="sat:refresh"))["token"]
    asked = await visitor.get(f"{base}/revoke?search=ada&bound=true")
    assert "1 active session of “ada”, bound true will be revoked." in text_of(asked)
    fields = {"search": "ada", "bound": "true", "all": "yes"}
    await visitor.post(f"{base}/revoke", fields)  # nothing was typed
    assert await is_active(server, bound)
    await visitor.post(f"{base}/revoke", {**fields, "typed": "revoke"})
    assert not await is_active(server, bound)
    assert await is_active(server, plain)
    for query in ("?state=revoked", "?state=expired", "?since=2h", "?search=nobody"):
        asked = await visitor.get(f"{base}/revoke{query}")
        assert "No active sessions of" in text_of(asked), query
        name, _, value = query[1:].partition("=")
        await visitor.post(f"{base}/revoke", {name: value, "all": "yes", "typed": "revoke"})
        assert await is_active(server, plain)
    asked = await visitor.get(f"{base}/revoke")
    assert "1 active session of the whole project will be revoked." in text_of(asked)
    await visitor.post(f"{base}/revoke", {"all": "yes", "typed": "revoke"})
    assert not await is_active(server, plain)
    # A form of which everything but the CSRF token is lost revokes nothing.
    after = (await server.sign_in("ada"))["token"]
    await visitor.post(f"{base}/revoke", {})
    assert await is_active(server, after)


async def test_chosen_session_of_another_project_is_not_found(
    server: Server, visitor: Visitor, base: str
) -> None:
    other = await server.another_tenant()
    body = {"reference": "carol"}
    path = "/api/fabric/subscribers/tokens"
    sat = (await server.client.post(path, json=body, auth=other.auth)).json()["token"]
    sessions = await server.client.get("/api/satmint/sessions", auth=other.auth)
    theirs = sessions.json()["data"][0]["id"]
    own = (await server.sign_in("ada"))["token"]
    mine = await session_of(server, own)
    await visitor.get(f"{base}/revoke?chosen=yes&session={theirs}")
    for chosen in ([theirs], [mine, theirs], [mine, "nothing"]):
        assert (await visitor.post(f"{base}/revoke", {"session": chosen})).status_code == 404
        assert await is_active(server, own)
    await visitor.post(f"{base}/revoke", {"all": "yes", "typed": "revoke"})
    info = await server.client.get(
        "/api/fabric/subscriber/info", headers={"Authorization": f"Bearer {sat}"}
    )
    assert info.status_code == 200


@pytest.mark.parametrize(
    "filters", [{"since": "2d"}, {"bound": "x"}, {"state": "x"}, {"kind": "x"}]
)
async def test_filter_that_is_not_understood_finds_and_revokes_nothing(
    server: Server, visitor: Visitor, base: str, filters: dict[str, str]
) -> None:
    sat = (await server.sign_in("ada"))["token"]
    session = await session_of(server, sat)
    [(name, value)] = filters.items()
    assert f"{base}/{session}" not in (await visitor.get(f"{base}?{name}={value}")).text
    await visitor.post(f"{base}/revoke", {**filters, "all": "yes", "typed": "revoke"})
    assert await is_active(server, sat)


async def test_picture_says_until_when_the_session_can_last(
    server: Server, visitor: Visitor, base: str
) -> None:
    session = as_uuid(await session_of(server, (await server.sign_in("ada"))["token"]))
    assert session is not None
    state = await server.service.store.sessions.get(server.tenant.id, session)
    assert state is not None
    shown = (await visitor.get(f"{base}/{session}")).text
    until = exact_time(state.session.lives_until)
    assert f"the session is active and can last until {until}." in shown
