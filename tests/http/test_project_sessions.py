"""The sessions of a project over HTTP: list, count and revocation by filters; and statistics."""

from uuid import UUID

import pytest

from satmint.http.resources import OPERATIONS
from satmint.store.sql import search
from tests.http.answer_contract import field_errors, invalid
from tests.http.test_openapi import conforms
from tests.kit.service import Json, Server, said

API = "/api/satmint"
SESSIONS = f"{API}/sessions"
JKT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
STARTED = "2023-11-14T22:13:20Z"


async def get(server: Server, path: str, **params: str) -> Json:
    answer = await server.client.get(path, params=params or None, auth=server.tenant.auth)
    return said(answer, 200)


async def sessions(server: Server, **params: str) -> list[str]:
    return [item["id"] for item in (await get(server, SESSIONS, **params))["data"]]


def session_of(server: Server, pair: Json) -> str:
    return str(server.claims(pair["token"]).sid)


async def test_sessions_are_found_by_each_filter_newest_first(server: Server) -> None:
    alice = await server.sign_in("alice", fingerprint=JKT)
    server.clock.advance(1)
    bob = await server.sign_in("bob")
    server.clock.advance(1)
    addresses = {"allowed_addresses": [str(server.tenant.addresses[0].id)]}
    async with server.client_at("192.0.2.7") as client:
        answer = await client.post(
            "/api/fabric/guests/tokens", json=addresses, auth=server.tenant.auth
        )
    guest = said(answer, 201)
    first, second, third = [session_of(server, pair) for pair in (alice, bob, guest)]
    await server.client.delete(f"{SESSIONS}/{second}", auth=server.tenant.auth)
    assert await sessions(server) == [third, second, first]
    assert await sessions(server, state="active") == [third, first]
    assert await sessions(server, state="revoked") == [second]
    assert await sessions(server, state="expired") == []
    assert await sessions(server, kind="guest") == [third]
    assert await sessions(server, subscriber="alice") == [first]
    assert await sessions(server, subscriber=bob["subscriber_id"]) == [second]
    assert await sessions(server, since="2023-11-14T22:13:21Z") == [third, second]
    assert await sessions(server, since="1700000002") == [third]
    assert await sessions(server, bound="true") == [first]
    assert await sessions(server, bound="false") == [third, second]
    assert await sessions(server, fingerprint=JKT) == [first]
    assert await sessions(server, caller_address="192.0.2.7") == [third]
    assert await sessions(server, bound="false", state="active") == [third]
    for params, count in (({}, 3), ({"state": "active"}, 2)):
        found = await get(server, f"{SESSIONS}/count", **params)
        assert found == {"value": count, "is_exact": True}


async def test_a_session_says_whose_it_is_and_what_ended_it(server: Server) -> None:
    pair = await server.sign_in("alice")
    server.clock.advance(5)
    path = f"{SESSIONS}/{session_of(server, pair)}"
    await server.client.delete(path, auth=server.tenant.auth)
    (listed,) = (await get(server, SESSIONS))["data"]
    assert (listed["reference"], listed["state"]) == ("alice", "revoked")
    assert listed["ended"] == {
        "by": "session_revoked",
        "at": "2023-11-14T22:13:25Z",
        "cause": "",
        "address": "127.0.0.1",
    }
    assert await get(server, path) == listed
    of_subscriber = await get(server, f"{API}/subscribers/{pair['subscriber_id']}/sessions")
    assert of_subscriber["data"] == [listed]


async def test_bad_filters_are_named_with_their_remedies(server: Server) -> None:
    bad = {
        "state": "alive",
        "kind": "robot",
        "subscriber": "nobody",
        "since": "yesterday",
        "bound": "1",
        "fingerprint": "x",
        "caller_address": "",
    }
    expected = [
        invalid("State must be one of: active, revoked, expired", "state"),
        invalid("Kind must be one of: subscriber, guest, invite, embed", "kind"),
        invalid(
            "Subscriber must be the id or the reference of a subscriber of this project; name a"
            " deleted subscriber by its id",
            "subscriber",
        ),
        invalid("Since must be a time such as 2026-12-01T08:30:00Z, or Unix seconds", "since"),
        invalid("Bound must be one of: true, false", "bound"),
        invalid("Fingerprint must be an RFC 7638 SHA-256 thumbprint", "fingerprint"),
        invalid("Caller Address must not be empty", "caller_address"),
    ]
    pair = await server.sign_in("alice")
    for method, path in (("GET", SESSIONS), ("GET", f"{SESSIONS}/count"), ("DELETE", SESSIONS)):
        answer = await server.client.request(method, path, params=bad, auth=server.tenant.auth)
        assert field_errors(answer) == expected
    mistyped = await server.client.delete(
        SESSIONS, params={"subscribr": "alice"}, auth=server.tenant.auth
    )
    assert field_errors(mistyped) == [invalid("Subscribr is not a known parameter", "subscribr")]
    await server.rotate(pair["refresh_token"])


@pytest.mark.parametrize("path", [SESSIONS, f"{API}/subscribers/{{id}}/sessions"])
async def test_a_filter_that_would_not_be_read_revokes_nothing(server: Server, path: str) -> None:
    pair = await server.sign_in("alice", fingerprint=JKT)
    path = path.format(id=pair["subscriber_id"])
    mistyped = await server.client.delete(path, params={"fingerprnt": JKT}, auth=server.tenant.auth)
    assert field_errors(mistyped) == [invalid("Fingerprnt is not a known parameter", "fingerprnt")]
    in_the_body = await server.client.request(
        "DELETE", path, json={"fingerprint": "k" * 43}, auth=server.tenant.auth
    )
    assert field_errors(in_the_body) == [
        invalid("Filters are parameters of the query, not of a body", None)
    ]
    assert await sessions(server, state="active") == [session_of(server, pair)]


async def test_what_matches_is_revoked_and_counted(server: Server) -> None:
    pairs = [await server.sign_in("alice") for _ in range(3)]
    kept = await server.sign_in("bob")
    revoke = next(one for one in OPERATIONS if one.id == "revoke-project-sessions")
    for expected in (3, 0):
        answer = await server.client.delete(
            SESSIONS, params={"subscriber": "alice"}, auth=server.tenant.auth
        )
        conforms(revoke, answer)
        assert said(answer, 200) == {"revoked_sessions": expected}
    for pair in pairs:
        assert (await server.refresh(pair["refresh_token"])).status_code == 422
    await server.rotate(kept["refresh_token"])
    events = await get(server, f"{API}/events", kind="session_revoked,project_revoked")
    assert {(one["session_id"], one["reference"]) for one in events["data"]} == {
        (session_of(server, pair), "alice") for pair in pairs
    }


@pytest.mark.parametrize("size", ["1", "3"])
async def test_links_lead_through_pages_that_find_little_and_back(
    server: Server, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    monkeypatch.setattr(search, "SCAN_LIMIT", 2)
    pairs = []
    for number in range(9):
        server.clock.advance(number % 2)
        reference = "alice" if number % 4 == 0 else "bob"
        pairs.append(await server.sign_in(reference, fingerprint=JKT if number % 4 == 0 else None))
    for path, params, expected in (
        (
            SESSIONS,
            {"bound": "true"},
            {session_of(server, pair) for pair in pairs[::4]},
        ),
        (f"{API}/events", {"kind": "issued", "subscriber": "alice"}, None),
    ):
        pages = [await get(server, path, page_size=size, **params)]
        while "next" in pages[-1]["links"]:
            pages.append(await get(server, pages[-1]["links"]["next"]))
        found = [item["id"] for page in pages for item in page["data"]]
        assert len(found) == len(set(found)) == 3
        assert expected in (None, set(found))
        backwards = [pages[-1]]
        while "prev" in backwards[-1]["links"]:
            backwards.append(await get(server, backwards[-1]["links"]["prev"]))
        assert [item["id"] for page in backwards[::-1] for item in page["data"]] == found


async def test_events_are_found_by_each_filter(server: Server) -> None:
    pair = await server.sign_in("alice")
    other = await server.sign_in("bob")
    server.clock.advance(60)
    await server.rotate(pair["refresh_token"])
    events = f"{API}/events"

    async def kinds(**params: str) -> list[str]:
        return [item["kind"] for item in (await get(server, events, **params))["data"]]

    assert await kinds(kind="issued") == ["issued", "issued"]
    assert await kinds(kind="refreshed,api_token_created") == ["refreshed", "api_token_created"]
    assert await kinds(subscriber="alice") == ["refreshed", "issued"]
    assert await kinds(subscriber=other["subscriber_id"], kind="issued") == ["issued"]
    assert await kinds(session=session_of(server, pair)) == ["refreshed", "issued"]
    assert await kinds(since="1700000060") == ["refreshed"]
    assert await kinds(until="2023-11-14T23:14:20+01:00", kind="issued") == ["issued", "issued"]
    assert await kinds(session=str(UUID(int=7))) == []
    answer = await server.client.get(
        events,
        params={"kind": "issued,stolen", "session": "x", "since": "?", "until": "-1"},
        auth=server.tenant.auth,
    )
    faults = field_errors(answer)
    assert [fault[2] for fault in faults] == ["kind", "session", "since", "until"]
    assert faults[0][1].startswith(
        "Kind must be one or several of these, separated by commas: issued, refreshed, "
    )


async def test_another_project_sees_nothing(server: Server) -> None:
    pair = await server.sign_in("alice", fingerprint=JKT)
    stranger = await server.another_tenant()
    session = session_of(server, pair)
    for params in ({}, {"fingerprint": JKT}, {"subscriber": pair["subscriber_id"]}):
        answer = await server.client.get(SESSIONS, params=params, auth=stranger.auth)
        assert said(answer, 200)["data"] == []
        count = await server.client.get(f"{SESSIONS}/count", params=params, auth=stranger.auth)
        assert said(count, 200)["value"] == 0
    revoked = await server.client.delete(SESSIONS, params={"state": "active"}, auth=stranger.auth)
    assert said(revoked, 200) == {"revoked_sessions": 0}
    by_session = await server.client.get(
        f"{API}/events", params={"session": session}, auth=stranger.auth
    )
    assert said(by_session, 200)["data"] == []
    stats = said(await server.client.get(f"{API}/stats", auth=stranger.auth), 200)
    assert stats["sessions"] == {"value": 0, "is_exact": True}
    await server.rotate(pair["refresh_token"])


async def test_statistics_count_what_the_project_has(server: Server) -> None:
    await server.sign_in("alice", fingerprint=JKT)
    await server.sign_in("alice")
    await server.c2c_token()
    stats = await get(server, f"{API}/stats")
    values = {name: one["value"] for name, one in stats.items() if "value" in one}
    assert values == {
        "subscribers": 1,
        "sessions": 2,
        "bound_sessions": 1,
        "online_connections": 0,
        "addresses": 4,
        "conference_rooms": 0,
        "click_to_call_tokens": 1,
        "api_tokens": 1,
        "webhooks": 0,
        "pending_deliveries": 0,
        "events_of_last_hour": 4,
    }
    assert {kind: one["value"] for kind, one in stats["active_sessions"].items()} == {
        "subscriber": 2,
        "guest": 0,
        "invite": 0,
        "embed": 0,
    }
    assert stats["events_by_kind"] == [
        {"kind": "api_token_created", "value": 1},
        {"kind": "c2c_token_created", "value": 1},
        {"kind": "issued", "value": 2},
    ]
