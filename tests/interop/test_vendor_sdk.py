"""The vendor's Python SDK, unchanged, through everything that is served; and ours beside it."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from satmint.model.base64url import b64url_decode
from satmint.model.clock import SystemClock
from tests.interop.vendor import SCRIPTS, run_ours, run_text, run_vendor, vendor_python
from tests.kit.dev import DevServer, running_dev
from tests.sdk.environment import sdk_python

Seen = dict[str, Any]

ERROR_MEMBERS: Final = {"type", "code", "message", "attribute", "url"}

# The two examples as the vendor's documentation prints them; only the three placeholders and the
# existing refresh token are filled in.
CREATE_EXAMPLE: Final = """\
from signalwire.rest import RestClient

client = RestClient(
 project="your-project-id",
 token="your-api-token",
 host="your-space.signalwire.com",
)

token = client.fabric.tokens.create_subscriber_token(reference="subscriber-id")
print(f"Token: {token['token']}")
"""
REFRESH_EXAMPLE: Final = """\
from signalwire.rest import RestClient

client = RestClient(
 project="your-project-id",
 token="your-api-token",
 host="your-space.signalwire.com",
)

refreshed = client.fabric.tokens.refresh_subscriber_token(refresh_token="existing-refresh-token")
print(f"Refreshed token: {refreshed['token']}")
"""


SDKS: Final = {"vendor": run_vendor, "ours": run_ours}

# Calls and media are not served; nothing else of the vendor's surface may be missing in ours.
SIP: Final = {
    "create_sip_endpoint",
    "delete_sip_endpoint",
    "get_sip_endpoint",
    "list_sip_endpoints",
    "update_sip_endpoint",
}
ROUTES: Final = {"assign_domain_application", "assign_phone_route"}


@pytest.fixture(scope="module", params=SDKS)
def sdk(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(sdk: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp(sdk)) as running:
        yield running


@pytest.fixture(scope="module")
def seen(sdk: str, server: DevServer) -> Seen:
    addresses = [address["id"] for address in server["addresses"]]
    later = str(SystemClock().now() + 600)
    tour = SCRIPTS / "tour.py"
    answers: Seen = SDKS[sdk](tour, server, server["c2c_token"], later, *addresses)
    return answers


def header(token: str) -> dict[str, str]:
    segment = token.split(".", maxsplit=1)[0]
    members: dict[str, str] = json.loads(b64url_decode(segment))
    return members


def codes(refusal: Seen) -> list[tuple[str, str | None]]:
    assert all(entry.keys() == ERROR_MEMBERS for entry in refusal["body"]["errors"])
    return [(entry["code"], entry["attribute"]) for entry in refusal["body"]["errors"]]


def test_subscriber_token_has_the_members_and_headers_of_the_documentation(
    server: DevServer, seen: Seen
) -> None:
    made = seen["create_subscriber_token"]
    assert made.keys() == {"subscriber_id", "token", "refresh_token"}
    for name, typ in (("token", "SAT"), ("refresh_token", "Refresh")):
        members = header(made[name])
        assert members.pop("kid").count(".") == 1
        assert members == {"alg": "dir", "enc": "A256GCM", "typ": typ, "ch": server["cluster_host"]}


def test_a_hundred_refreshes_in_a_row_give_a_hundred_new_pairs(seen: Seen) -> None:
    assert seen["refresh_subscriber_token"].keys() == {"token", "refresh_token"}
    assert len(set(seen["chain"])) == 101


def test_guest_invite_and_embed_tokens(seen: Seen) -> None:
    assert seen["create_guest_token"].keys() == {"token", "refresh_token"}
    assert seen["create_invite_token"].keys() == {"token"}
    assert seen["create_embed_token"].keys() == {"token"}
    for name in ("create_guest_token", "create_invite_token", "create_embed_token"):
        assert header(seen[name]["token"])["typ"] == "SAT"


def test_subscriber_goes_through_its_life(seen: Seen) -> None:
    created = seen["subscribers.create"]
    assert created.keys() == {
        "id",
        "project_id",
        "display_name",
        "type",
        "created_at",
        "updated_at",
        "subscriber",
    }
    assert created["subscriber"] == {
        "id": created["id"],
        "email": "grace@example.com",
        "first_name": "Grace",
        "last_name": "Hopper",
        "display_name": "Grace H.",
        "job_title": "Rear admiral",
        "timezone": "America/New_York",
        "country": "US",
        "company_name": "Navy",
    }
    assert seen["subscribers.get"] == created
    updated = seen["subscribers.update"]
    assert updated["subscriber"] == {**created["subscriber"], "job_title": "Commodore"}
    assert seen["subscribers.delete"] == {}
    assert seen["deleted subscriber"] == {"status": 404, "body": {"error": "Not Found"}}


def test_lists_hold_every_subscriber_once_over_many_pages(seen: Seen) -> None:
    expected = {"tour@example.com", "grace@example.com"}
    expected |= {f"page-{number}@example.com" for number in range(7)}
    paged = seen["subscribers.paginate"]
    assert len(paged) == len(set(paged))
    assert expected <= set(paged)
    assert seen["subscribers.list"].keys() == {"data", "links"}
    (own,) = seen["subscribers.list_addresses"]["data"]
    assert own["type"] == "subscriber"
    assert own["channels"]["audio"] == f"/private/{own['name']}?channel=audio"


def test_room_is_made_and_gives_a_guest_an_address(seen: Seen) -> None:
    made = seen["conference_rooms.create"]
    assert made["type"] == "video_room"
    updated = seen["conference_rooms.update"]
    assert updated["conference_room"] == {**made["conference_room"], "sync_audio_video": True}
    assert seen["conference_rooms.get"] == seen["resources.get"] == updated
    assert seen["resources.list"]["data"] == seen["conference_rooms.list"]["data"] == [updated]
    assert seen["conference_rooms.paginate"] == [made["id"]]
    (address,) = seen["conference_rooms.list_addresses"]["data"]
    assert address["channels"]["audio"] == "/public/coffee_cafe?channel=audio"
    assert seen["resources.list_addresses"]["data"] == [address]
    assert seen["guest of a room"].keys() == {"token", "refresh_token"}
    assert seen["conference_rooms.delete"] == seen["resources.delete"] == {}
    assert seen["deleted room"] == {"status": 404, "body": {"error": "Not Found"}}
    assert codes(seen["guest of a deleted room"]) == [("token_invalid", "refresh_token")]


def test_addresses_are_read_and_filtered(server: DevServer, seen: Seen) -> None:
    demo = {address["id"]: address for address in server["addresses"]}
    assert {address["type"] for address in seen["addresses.list"]["data"]} == {"room"}
    first = server["addresses"][0]
    assert seen["addresses.get"]["name"] == first["name"]
    assert seen["addresses.get"].keys() == {
        "id",
        "name",
        "display_name",
        "cover_url",
        "preview_url",
        "locked",
        "channels",
        "created_at",
        "type",
    }
    paged = seen["addresses.paginate"]
    assert len(paged) == len(set(paged))
    assert demo.keys() <= set(paged)


def test_api_token_is_good_until_it_loses_its_permission_or_is_deleted(seen: Seen) -> None:
    made = seen["project.tokens.create"]
    assert made["permissions"] == ["calling", "video"]
    assert made["token"].startswith("PT")
    assert seen["works with it"] is True
    assert seen["project.tokens.update"] == {
        "id": made["id"],
        "name": "renamed",
        "permissions": ["management"],
        "token": f"{made['token'][:6]}…{made['token'][-3:]}",
    }
    unauthorized = {"status": 401, "body": {"error": "Unauthorized"}}
    assert seen["lost its permission"] == unauthorized
    assert seen["project.tokens.delete"] == {}
    assert seen["deleted token"] == unauthorized
    assert seen["wrong credentials"] == unauthorized


def test_refusals_reach_the_caller_with_every_fault(seen: Seen) -> None:
    several = seen["several faults"]
    assert several["status"] == 422
    assert codes(several) == [
        ("invalid_parameter", "reference"),
        ("invalid_parameter", "expire_at"),
        ("unsupported_region", "region"),
        ("invalid_parameter", "expires_at"),
    ]
    assert several["body"]["errors"][3]["message"] == (
        "Expires At is not a known parameter; did you mean expire_at?"
    )
    assert codes(seen["not a token"]) == [("invalid_token_format", "refresh_token")]
    assert codes(seen["a SAT as refresh token"]) == [("not_a_refresh_token", "refresh_token")]
    assert codes(seen["bad page token"]) == [("page_token_is_invalid", "page_token")]
    assert seen.get("no media here") in (None, {"status": 404, "body": {"error": "Not Found"}})


def test_token_spent_a_hundred_refreshes_ago_ends_its_session(seen: Seen) -> None:
    assert codes(seen["spent long ago"]) == [("token_invalid", "refresh_token")]
    assert codes(seen["session ended by it"]) == [("token_invalid", "refresh_token")]


def test_ours_lacks_no_public_name_of_the_vendors(server: DevServer) -> None:
    surface = SCRIPTS / "surface.py"
    theirs, ours = run_vendor(surface, server), run_ours(surface, server)
    assert theirs.keys() == ours.keys()
    lacking = {name: set(theirs[name]) - set(ours[name]) for name in theirs}
    assert lacking == {
        "fabric.tokens": set(),
        "fabric.subscribers": SIP,
        "fabric.conference_rooms": set(),
        "fabric.resources": ROUTES,
        "fabric.addresses": set(),
        "project.tokens": set(),
    }


def test_printed_examples_run_as_they_stand(sdk: str, server: DevServer) -> None:
    python = vendor_python() if sdk == "vendor" else sdk_python()
    project, api_token = server.auth
    places = {
        "your-project-id": project,
        "your-api-token": api_token,
        "your-space.signalwire.com": server["http"].removeprefix("http://"),
    }

    def filled(example: str, **more: str) -> str:
        for placeholder, value in (places | more).items():
            example = example.replace(placeholder, value)
        return example

    issued = run_text(filled(CREATE_EXAMPLE), server, python=python)
    assert issued.startswith("Token: eyJ")
    again = CREATE_EXAMPLE.replace("Token: {token['token']}", "{token['refresh_token']}")
    refresh_token = run_text(filled(again), server, python=python).strip()
    refreshed = run_text(
        filled(REFRESH_EXAMPLE, **{"existing-refresh-token": refresh_token}),
        server,
        python=python,
    )
    assert refreshed.startswith("Refreshed token: eyJ")
