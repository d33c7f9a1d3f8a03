"""POST /api/fabric/subscribers/tokens and …/refresh: what is asked, what is answered."""

from pathlib import Path
from typing import Final

import httpx
import pytest

from satmint.model.claims import TokenType
from tests.http.answer_contract import (
    UUID_TEXT,
    FieldError,
    field_errors,
    invalid,
    members,
    missing,
    plain,
)
from tests.kit.clock import NOW
from tests.kit.service import REFRESH, TOKENS, Server, a_service, said

JKT: Final = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
LATEST: Final = 253_402_300_499
"""Five minutes before the end of the year 9999, past which no calendar goes."""


async def issue(server: Server, body: object) -> httpx.Response:
    return await server.client.post(TOKENS, json=body, auth=server.tenant.auth)


async def refresh(server: Server, body: object) -> httpx.Response:
    return await server.client.post(REFRESH, json=body, auth=server.tenant.auth)


async def test_sign_in_is_answered_with_exactly_three_members(server: Server) -> None:
    answer = await issue(server, {"reference": "alice@example.com"})
    body = said(answer, 200)
    assert members(body) == ["subscriber_id", "token", "refresh_token"]
    assert UUID_TEXT.fullmatch(body["subscriber_id"])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert server.claims(body["token"]).exp == NOW + 7200


async def test_everything_that_can_be_asked_for(server: Server) -> None:
    body = said(
        await issue(
            server,
            {
                "reference": "alice",
                "expire_at": NOW + 600,
                "application_id": "B1946AC9-2492-4D23-8F1B-3A5C7E9D0B2F",
                "password": "correct horse",
                "first_name": "Alice",
                "last_name": "Smith",
                "display_name": "Alice S.",
                "job_title": "",
                "time_zone": "Europe/Oslo",
                "country": "NO",
                "company_name": "Ünïcödé \U0001f600",
                "region": "us-central",
                "fingerprint": JKT,
                "scope": ["sat:refresh"],
            },
        ),
        200,
    )
    claims = server.claims(body["token"])
    assert (claims.exp, claims.jkt, claims.scope) == (NOW + 600, JKT, ("sat:refresh",))
    assert str(claims.app) == "b1946ac9-2492-4d23-8f1b-3a5c7e9d0b2f"
    info = said(await server.info(body["token"]), 200)
    assert info == {
        "id": body["subscriber_id"],
        "email": None,
        "first_name": "Alice",
        "last_name": "Smith",
        "display_name": "Alice S.",
        "job_title": "",
        "time_zone": "Europe/Oslo",
        "country": "NO",
        "region": "us-central",
        "company_name": "Ünïcödé \U0001f600",
        "push_notification_key": None,
        "fabric_addresses": info["fabric_addresses"],
        "sat_claims": {
            "scope": ["sat:refresh"],
            "expires_at": NOW + 600,
            "cnf": {"jkt": JKT},
        },
    }
    (address,) = info["fabric_addresses"]
    assert (address["name"], address["type"]) == ("alice-s", "subscriber")


NAME_TOO_LONG: Final = "must be at most 255 characters long"
THUMBPRINT: Final = "must be an RFC 7638 SHA-256 thumbprint: 43 characters of A-Z a-z 0-9 _ -"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [missing("reference")]),
        ({"reference": None}, [("not_a_string", "Reference must be a string", "reference")]),
        ({"reference": 7}, [("not_a_string", "Reference must be a string", "reference")]),
        ({"reference": ["a"]}, [("not_a_string", "Reference must be a string", "reference")]),
        ({"reference": True}, [("not_a_string", "Reference must be a string", "reference")]),
        ({"reference": ""}, [invalid("Reference must not be empty", "reference")]),
        ({"reference": "x" * 256}, [invalid(f"Reference {NAME_TOO_LONG}", "reference")]),
        ({"expire_at": True}, [invalid("Expire At must be an integer", "expire_at")]),
        ({"expire_at": "3600"}, [invalid("Expire At must be an integer", "expire_at")]),
        ({"expire_at": 1.7e9}, [invalid("Expire At must be an integer", "expire_at")]),
        ({"expire_at": []}, [invalid("Expire At must be an integer", "expire_at")]),
        ({"expire_at": NOW}, [invalid(f"Expire At must be greater than {NOW}", "expire_at")]),
        ({"expire_at": NOW - 1}, [invalid(f"Expire At must be greater than {NOW}", "expire_at")]),
        ({"expire_at": 0}, [invalid(f"Expire At must be greater than {NOW}", "expire_at")]),
        ({"expire_at": -(10**30)}, [invalid(f"Expire At must be greater than {NOW}", "expire_at")]),
        (
            {"expire_at": LATEST + 1},
            [invalid(f"Expire At must be less than {LATEST + 1}", "expire_at")],
        ),
        (
            {"expire_at": 10**30},
            [invalid(f"Expire At must be less than {LATEST + 1}", "expire_at")],
        ),
        (
            {"application_id": 7},
            [("not_a_string", "Application Id must be a string", "application_id")],
        ),
        ({"application_id": "x"}, [invalid("Application Id must be a UUID", "application_id")]),
        ({"password": 7}, [("not_a_string", "Password must be a string", "password")]),
        ({"password": "short"}, [invalid("Password must be 8 to 72 bytes long", "password")]),
        ({"password": "é" * 37}, [invalid("Password must be 8 to 72 bytes long", "password")]),
        ({"first_name": 7}, [("not_a_string", "First Name must be a string", "first_name")]),
        ({"last_name": "x" * 256}, [invalid(f"Last Name {NAME_TOO_LONG}", "last_name")]),
        ({"region": 7}, [("not_a_string", "Region must be a string", "region")]),
        (
            {"region": "mars"},
            [("unsupported_region", "Region must be one of: us-central", "region")],
        ),
        ({"fingerprint": JKT[:-1]}, [invalid(f"Fingerprint {THUMBPRINT}", "fingerprint")]),
        ({"fingerprint": 7}, [("not_a_string", "Fingerprint must be a string", "fingerprint")]),
        ({"scope": "admin"}, [invalid("Scope must be sat:refresh", "scope")]),
        ({"scope": ["sat:refresh", "admin"]}, [invalid("Scope must be sat:refresh", "scope")]),
        ({"scope": 7}, [("not_an_array_of_strings", "Scope must be an array of strings", "scope")]),
        (
            {"scope": [7]},
            [("not_an_array_of_strings", "Scope must be an array of strings", "scope")],
        ),
        (
            {"expires_at": NOW + 60},
            [invalid("Expires At is not a known parameter; did you mean expire_at?", "expires_at")],
        ),
        (
            {"timezone": "UTC"},
            [invalid("Timezone is not a known parameter; did you mean time_zone?", "timezone")],
        ),
        ({"zzz": 1}, [invalid("Zzz is not a known parameter", "zzz")]),
        ({"": 1}, [invalid(" is not a known parameter", "")]),
        (
            {"Reference": "a"},
            [invalid("Reference is not a known parameter; did you mean reference?", "Reference")],
        ),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_each_fault_has_its_code_and_sentence(
    server: Server, body: dict[str, object], expected: list[FieldError]
) -> None:
    before = await server.rows()
    complete = {"reference": "alice", **body} if body and "reference" not in body else body
    assert field_errors(await issue(server, complete)) == expected
    assert await server.rows() == before


async def test_every_fault_is_listed_and_not_only_the_first(server: Server) -> None:
    answer = await issue(
        server,
        {
            "expire_at": "soon",
            "application_id": 7,
            "region": "mars",
            "scope": "admin",
            "fingerprint": "x",
            "password": "short",
            "expires_at": 1,
            "nonsense": None,
        },
    )
    assert field_errors(answer) == [
        missing("reference"),
        invalid("Expire At must be an integer", "expire_at"),
        ("not_a_string", "Application Id must be a string", "application_id"),
        invalid("Password must be 8 to 72 bytes long", "password"),
        ("unsupported_region", "Region must be one of: us-central", "region"),
        invalid(f"Fingerprint {THUMBPRINT}", "fingerprint"),
        invalid("Scope must be sat:refresh", "scope"),
        invalid("Expires At is not a known parameter; did you mean expire_at?", "expires_at"),
        invalid("Nonsense is not a known parameter", "nonsense"),
    ]


async def test_a_body_full_of_unknown_members_is_not_answered_in_full(server: Server) -> None:
    body = {"reference": "alice", **{f"{number:04}" + "x" * 100: 1 for number in range(400)}}
    listed = field_errors(await issue(server, body))
    assert len(listed) == 16
    assert {len(name or "") for _, _, name in listed} == {64}


@pytest.mark.parametrize("expire_at", [NOW + 1, LATEST])
async def test_earliest_and_latest_expiry_are_granted_and_can_be_shown(
    server: Server, expire_at: int
) -> None:
    body = said(await issue(server, {"reference": "alice", "expire_at": expire_at}), 200)
    claims = server.claims(body["token"])
    assert claims.exp == expire_at
    path = f"/api/satmint/sessions/{claims.sid}"
    shown = said(await server.client.get(path, auth=server.tenant.auth), 200)
    assert shown["expires_at"].endswith("Z")


async def test_ceiling_on_lives_is_told(tmp_path: Path) -> None:
    async with a_service(tmp_path, max_token_seconds=3600) as server:
        answer = await issue(server, {"reference": "alice", "expire_at": NOW + 3601})
        message = f"Expire At must not be greater than {NOW + 3600}"
        assert field_errors(answer) == [invalid(message, "expire_at")]


async def test_region_is_one_of_those_configured(tmp_path: Path) -> None:
    regions = {"us-central": None, "eu-west": "puc.eu.example.com"}
    async with a_service(tmp_path, regions=regions) as server:
        assert (await issue(server, {"reference": "a", "region": "eu-west"})).status_code == 200
        answer = await issue(server, {"reference": "a", "region": "mars"})
        message = "Region must be one of: eu-west, us-central"
        assert field_errors(answer) == [("unsupported_region", message, "region")]


async def test_refresh_is_answered_with_exactly_two_members(server: Server) -> None:
    pair = await server.sign_in()
    answer = await refresh(server, {"refresh_token": pair["refresh_token"]})
    body = said(answer, 201)
    assert members(body) == ["token", "refresh_token"]
    assert answer.headers["cache-control"] == "no-store"
    assert server.claims(body["token"]).exp == NOW + 7200
    assert server.claims(body["refresh_token"], TokenType.REFRESH).exp == NOW + 7500


NOT_STRING: Final = ("not_a_string", "Refresh Token must be a string", "refresh_token")
FORMAT: Final = ("invalid_token_format", "Token format is invalid.", "refresh_token")
INVALID: Final = ("token_invalid", "Token is invalid.", "refresh_token")
EXPIRED: Final = ("token_expired", "Token has expired.", "refresh_token")
NOT_REFRESH: Final = ("not_a_refresh_token", "Token is not a refresh token.", "refresh_token")
UNKNOWN: Final = invalid("Token is not a known parameter", "token")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [missing("refresh_token")]),
        ({"refresh_token": None}, [NOT_STRING]),
        ({"refresh_token": 7}, [NOT_STRING]),
        ({"refresh_token": {}}, [NOT_STRING]),
        ({"refresh_token": ""}, [FORMAT]),
        ({"refresh_token": "a.b.c"}, [FORMAT]),
        ({"refresh_token": "a.b.c.d.e.f"}, [FORMAT]),
        ({"refresh_token": "a.b.c.d.e"}, [INVALID]),
        ({"refresh_token": "...."}, [INVALID]),
        ({"refresh_token": "é.é.é.é.é"}, [INVALID]),
        ({"refresh_token": "." * 4 + "A" * 60_000}, [INVALID]),
        ({"token": "a"}, [missing("refresh_token"), UNKNOWN]),
        ({"refresh_token": 7, "token": "a"}, [NOT_STRING, UNKNOWN]),
        ({"refresh_token": "a.b.c", "token": "a"}, [UNKNOWN, FORMAT]),
        (
            {"refresh_tokn": "a"},
            [
                missing("refresh_token"),
                invalid(
                    "Refresh Tokn is not a known parameter; did you mean refresh_token?",
                    "refresh_tokn",
                ),
            ],
        ),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_each_fault_of_a_refresh(
    server: Server, body: dict[str, object], expected: list[FieldError]
) -> None:
    assert field_errors(await refresh(server, body)) == expected


async def test_sat_is_called_a_sat(server: Server) -> None:
    pair = await server.sign_in()
    assert field_errors(await server.refresh(pair["token"])) == [NOT_REFRESH]


@pytest.mark.parametrize(("offset", "expected"), [(-1, None), (0, [EXPIRED]), (1, [EXPIRED])])
async def test_refresh_token_at_the_second_of_its_expiry(
    server: Server, offset: int, expected: list[FieldError] | None
) -> None:
    pair = await server.sign_in()
    server.clock.at = NOW + 7500 + offset
    answer = await server.refresh(pair["refresh_token"])
    if expected is None:
        said(answer, 201)
    else:
        assert field_errors(answer) == expected


async def test_reused_refresh_token_ends_the_session(server: Server) -> None:
    pair = await server.sign_in()
    second = await server.rotate(pair["refresh_token"])
    third = await server.rotate(second["refresh_token"])
    assert field_errors(await server.refresh(pair["refresh_token"])) == [INVALID]
    assert field_errors(await server.refresh(third["refresh_token"])) == [INVALID]
    plain(await server.info(third["token"]), 401)


async def test_refresh_of_a_deleted_subscriber_is_not_found(server: Server) -> None:
    pair = await server.sign_in()
    path = f"/api/fabric/resources/subscribers/{pair['subscriber_id']}"
    gone = await server.client.delete(path, auth=server.tenant.auth)
    assert (gone.status_code, gone.content) == (204, b"")
    plain(await server.refresh(pair["refresh_token"]), 404)
    plain(await server.info(pair["token"]), 401)


async def test_outcomes_are_counted(server: Server) -> None:
    pair = await server.sign_in()
    await server.rotate(pair["refresh_token"])
    await server.rotate(pair["refresh_token"])
    await server.refresh("x")
    await server.refresh(pair["token"])
    counted = await server.scrape()
    for outcome, count in (("rotated", 1), ("replayed", 1), ("not_five_parts", 1), ("is_a_sat", 1)):
        assert f'satmint_refreshes_total{{outcome="{outcome}"}} {count}.0\n' in counted
