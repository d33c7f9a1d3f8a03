"""Pages of records in a real browser: the main path of each, with a mouse and without scripts."""

from typing import Final

import httpx
import pytest

from tests.console.hand import Hand
from tests.console.record_samples import KEY
from tests.console.samples import Samples
from tests.console.test_every_page import check
from tests.kit.chromium import Page
from tests.kit.dev import DevServer

_PROJECT: Final = "/projects/{project}"
FORMS: Final = tuple(
    f"{_PROJECT}/{path}"
    for path in (
        "api-tokens/create",
        "click-to-call/create",
        "addresses/{address}/change",
        "subscribers/{subscriber}/change",
        "api-tokens/{api_token}/revoke",
        f"subscribers/{{subscriber}}/revoke-key?key={KEY}",
    )
)
"""A form of each kind of field, and questions with long names."""


@pytest.mark.parametrize("path", FORMS)
def test_form_fits_every_screen(
    signed_in: Page, dev: DevServer, samples: Samples, path: str
) -> None:
    check(signed_in, dev, samples.path(path))


def test_api_token(hand: Hand) -> None:
    hand.open("/api-tokens")
    hand.press("New API token")
    hand.type("name", "Chromium")
    hand.check("calling")
    hand.press("Create API token")
    assert "Permissions must not be empty." in hand.text
    hand.check("fax")
    hand.press("Create API token")
    assert "Copy the API token now." in hand.text
    secret = hand.page.evaluate("document.querySelector('.secret code').textContent")
    assert secret.startswith("PT")
    hand.press("Done")
    hand.press("Chromium")
    assert secret not in hand.text
    hand.press("Change")
    hand.type("name", "Chromium 2")
    hand.press("Save changes")
    assert "API token “Chromium 2” was changed." in hand.text
    hand.press("Revoke")
    hand.press("Revoke API token")
    assert "API token “Chromium 2” was revoked." in hand.text


def test_address_and_click_to_call_token(hand: Hand) -> None:
    hand.open("/addresses")
    hand.press("New address")
    hand.type("name", "chromium")
    hand.press("Create address")
    assert "Address “/public/chromium” was created." in hand.text
    hand.press("Lock")
    assert "was locked." in hand.text
    hand.press("Unlock")
    assert "was unlocked." in hand.text
    hand.press("New Click-to-Call token for it")
    hand.type("name", "Chromium")
    hand.type("origins", "https://www.example.com\nhttps://shop.example.com")
    hand.press("Create Click-to-Call token")
    assert "Copy the Click-to-Call token now." in hand.text
    hand.press("Done")
    hand.press("Chromium")
    assert "https://shop.example.com" in hand.text
    hand.press("Disable")
    hand.press("Disable Click-to-Call token")
    assert "Click-to-Call token “Chromium” was disabled." in hand.text
    hand.press("Delete")
    hand.press("Delete Click-to-Call token")
    assert "Click-to-Call token “Chromium” was deleted." in hand.text
    hand.open("/addresses?search=chromium")
    hand.press("/public/chromium")
    hand.press("Delete")
    hand.press("Delete address")
    assert "Address “/public/chromium” was deleted." in hand.text


def test_room(hand: Hand) -> None:
    hand.open("/rooms")
    hand.press("New room")
    hand.type("name", "chromium")
    hand.press("Create room")
    assert "Room “chromium” was created." in hand.text
    hand.press("Change")
    hand.type("display_name", "The room")
    hand.press("Save changes")
    assert "Room “chromium” was changed." in hand.text
    hand.press("Delete")
    hand.press("Delete room")
    assert "Room “chromium” was deleted." in hand.text


def test_subscriber(hand: Hand) -> None:
    hand.open("/subscribers")
    hand.press("New subscriber")
    hand.type("email", "chromium@example.com")
    hand.type("password", "correct horse")
    hand.press("Create subscriber")
    assert "Subscriber “chromium@example.com” was created." in hand.text
    hand.press("Change")
    hand.type("display_name", "Chromium")
    hand.press("Save changes")
    assert "Subscriber “Chromium” was changed." in hand.text
    hand.press("Revoke everything")
    assert "No active sessions" in hand.text
    hand.press("Revoke everything")
    assert "No active sessions were revoked." in hand.text
    hand.press("Delete")
    hand.press("Delete subscriber")
    assert "Subscriber “Chromium” was deleted." in hand.text


def test_key_of_a_device_is_revoked(hand: Hand, dev: DevServer) -> None:
    key = KEY[::-1]
    body = {"reference": "phone@example.com", "fingerprint": key}
    url = f"{dev['http']}/api/fabric/subscribers/tokens"
    httpx.post(url, json=body, auth=dev.auth).raise_for_status()
    hand.open("/subscribers?search=phone@example.com")
    hand.press("phone@example.com")
    assert f"{key[:8]}…" in hand.text
    hand.press("Revoke key")
    assert "1 active session bound to the key will be revoked." in hand.text
    hand.press("Revoke key")
    assert "1 active session was revoked." in hand.text
    assert f"{key[:8]}…" not in hand.text
