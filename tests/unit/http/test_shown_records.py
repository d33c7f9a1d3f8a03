"""Records as answers show them: what is not set, what is left out, and what stays a secret."""

import json
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from satmint.http.answers import (
    show_address,
    show_api_token,
    show_c2c_token,
    show_new_c2c_token,
    show_new_device,
    show_subscriber,
)
from satmint.http.resource_answers import show_resource, show_room
from satmint.model.claims import Kind
from satmint.model.permissions import Permission
from satmint.model.records import (
    Address,
    AddressType,
    ApiToken,
    C2cToken,
    Channel,
    DeviceType,
    Profile,
    RegisteredDevice,
    Subscriber,
)
from satmint.model.rooms import Layout, Room, RoomSettings, VideoQuality
from tests.kit.clock import NOW

PROJECT: Final = UUID(int=1)
ID: Final = UUID(int=2)
OTHER: Final = UUID(int=3)
CREATED: Final = "2023-11-14T22:13:20Z"
UPDATED: Final = "2023-11-14T22:13:21Z"


def as_json(answer: object) -> Any:  # noqa: ANN401 - whatever JSON holds
    return json.loads(msgspec.json.encode(answer))


def a_subscriber(
    profile: Profile, reference: str | None = None, email: str | None = None
) -> Subscriber:
    return Subscriber(ID, PROJECT, Kind.SUBSCRIBER, reference, email, profile, 0, NOW, NOW + 1)


def test_subscriber_is_shown_with_its_profile() -> None:
    profile = Profile(
        first_name="Alice",
        last_name="Liddell",
        display_name="Al",
        job_title="Engineer",
        time_zone="Europe/Amsterdam",
        country="NL",
        region="north",
        company_name="Example Ltd",
    )
    assert as_json(show_subscriber(a_subscriber(profile, "ref", "a@example.com"))) == {
        "id": str(ID),
        "project_id": str(PROJECT),
        "display_name": "Al",
        "type": "subscriber",
        "created_at": CREATED,
        "updated_at": UPDATED,
        "subscriber": {
            "id": str(ID),
            "email": "a@example.com",
            "first_name": "Alice",
            "last_name": "Liddell",
            "display_name": "Al",
            "job_title": "Engineer",
            "timezone": "Europe/Amsterdam",
            "country": "NL",
            "company_name": "Example Ltd",
        },
    }


def test_what_a_subscriber_has_not_set_is_empty() -> None:
    shown = as_json(show_subscriber(a_subscriber(Profile())))
    assert shown["display_name"] == ""
    assert {name: text for name, text in shown["subscriber"].items() if name != "id"} == {
        "email": "",
        "first_name": "",
        "last_name": "",
        "display_name": "",
        "job_title": "",
        "timezone": "",
        "country": "",
        "company_name": "",
    }


def test_subscriber_without_a_name_is_called_by_its_reference() -> None:
    shown = show_resource(a_subscriber(Profile(first_name="Alice"), "alice@example.com"))
    assert shown.display_name == "alice@example.com"
    assert as_json(shown)["subscriber"]["display_name"] == ""


def test_address_is_shown_with_what_to_dial_for_each_of_its_channels() -> None:
    channels = frozenset({Channel.AUDIO, Channel.MESSAGING})
    address = Address(ID, PROJECT, "public", "desk", "Desk", AddressType.APP, channels, NOW)
    assert as_json(show_address(address)) == {
        "id": str(ID),
        "name": "desk",
        "display_name": "Desk",
        "cover_url": None,
        "preview_url": None,
        "locked": False,
        "channels": {
            "audio": "/public/desk?channel=audio",
            "messaging": "/public/desk?channel=messaging",
        },
        "created_at": CREATED,
        "type": "app",
    }


@pytest.mark.parametrize(
    ("text", "mask", "shown"),
    [
        ("PTsecret", "PTd49e…2be", "PTsecret"),
        ("PTsecret", None, "PTsecret"),
        (None, "PTd49e…2be", "PTd49e…2be"),
        (None, None, "PT…"),
    ],
)
def test_api_token_is_masked_unless_it_is_new(
    text: str | None, mask: str | None, shown: str
) -> None:
    permissions = frozenset({Permission.VIDEO, Permission.CALLING})
    token = ApiToken(ID, PROJECT, "backend", permissions, b"", NOW, mask)
    assert as_json(show_api_token(token, text)) == {
        "id": str(ID),
        "name": "backend",
        "permissions": ["calling", "video"],
        "token": shown,
    }


def test_click_to_call_token_is_shown_with_its_text_only_if_it_is_new() -> None:
    origins = ("https://a.example",)
    token = C2cToken(ID, PROJECT, OTHER, "shop", b"", origins, NOW, NOW + 1)
    shown = {
        "id": str(ID),
        "address_id": str(OTHER),
        "name": "shop",
        "origins": ["https://a.example"],
        "created_at": CREATED,
        "disabled_at": UPDATED,
    }
    assert as_json(show_c2c_token(token)) == shown
    assert as_json(show_new_c2c_token(token, "c2c_text")) == {**shown, "token": "c2c_text"}


def test_registered_device_is_shown_without_a_key_for_pushes() -> None:
    device = RegisteredDevice(ID, PROJECT, OTHER, OTHER, DeviceType.IOS, "device-token", NOW)
    assert as_json(show_new_device(device)) == {
        "id": str(ID),
        "device_type": "iOS",
        "device_token": "device-token",
        "date_registered": CREATED,
        "push_notification_key": "",
    }


def test_room_is_shown_with_all_of_its_settings() -> None:
    settings = RoomSettings(
        description="Weekly",
        max_members=7,
        quality=VideoQuality.FULL_HD,
        join_from=NOW,
        join_until=NOW + 1,
        remove_after_seconds_elapsed=60,
        layout=Layout.GRID_2X2,
        record_on_start=True,
        tone_on_entry_and_exit=True,
        room_join_video_off=True,
        user_join_video_off=True,
        enable_room_previews=True,
        sync_audio_video=True,
        meta={"a": [1]},
    )
    room = Room(ID, PROJECT, OTHER, "weekly", "Weekly meeting", settings, NOW, NOW + 1)
    assert as_json(show_room(room)) == {
        "id": str(ID),
        "project_id": str(PROJECT),
        "display_name": "Weekly meeting",
        "type": "video_room",
        "created_at": CREATED,
        "updated_at": UPDATED,
        "conference_room": {
            "id": str(ID),
            "name": "weekly",
            "description": "Weekly",
            "display_name": "Weekly meeting",
            "max_members": 7,
            "quality": "1080p",
            "fps": 20,
            "join_from": CREATED,
            "join_until": UPDATED,
            "remove_at": None,
            "remove_after_seconds_elapsed": 60,
            "layout": "2x2",
            "record_on_start": True,
            "tone_on_entry_and_exit": True,
            "room_join_video_off": True,
            "user_join_video_off": True,
            "enable_room_previews": True,
            "sync_audio_video": True,
            "meta": {"a": [1]},
            "prioritize_handraise": False,
        },
    }
