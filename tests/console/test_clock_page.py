"""The page of the clock and the faults of a development server, in a browser."""

from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from tests.kit.chromium import Page
from tests.kit.dev import DevServer

PAGE: Final = "/console/clock"


@pytest.fixture(autouse=True)
def _reset(dev: DevServer) -> Iterator[None]:
    yield
    httpx.delete(f"{dev['http']}/api/satmint/dev", auth=dev.auth).raise_for_status()


def state(dev: DevServer) -> dict[str, Any]:
    """What the control endpoint says."""
    answer = httpx.get(f"{dev['http']}/api/satmint/dev", auth=dev.auth).raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def submit(page: Page, dev: DevServer, action: str, **fields: str) -> str:
    """Fill in the last form of an action and send it. Return the text of the page that comes."""
    assert page.open(dev["admin"] + PAGE) == 200
    for name, value in fields.items():
        page.evaluate(
            f"[...document.querySelectorAll('form[action$=\"/{action}\"] [name={name}]')]"
            f".at(-1).value = '{value}'"
        )
    page.follow(
        f"[...document.querySelectorAll('form[action$=\"/{action}\"] button')].at(-1).click()"
    )
    text: str = page.evaluate("document.querySelector('main').innerText")
    return text


def test_clock_is_moved_and_reset(signed_in: Page, dev: DevServer) -> None:
    assert "The clock was changed." in submit(signed_in, dev, "move", advance="7200")
    assert state(dev)["clock"]["offset"] in (7200, 7201)
    assert "ahead of" in submit(signed_in, dev, "move", set="2030-01-31T12:00")
    assert abs(state(dev)["clock"]["now"] - 1_896_091_200) < 600
    assert "system's time" in submit(signed_in, dev, "reset-clock")
    assert state(dev)["clock"]["offset"] == 0


@pytest.mark.parametrize(
    "fields", [{"set": "yesterday"}, {"advance": "soon"}, {"advance": "9" * 30}]
)
def test_time_that_is_none_is_refused(
    signed_in: Page, dev: DevServer, fields: dict[str, str]
) -> None:
    assert "Nothing was changed" in submit(signed_in, dev, "move", **fields)
    assert state(dev)["clock"]["offset"] == 0


def test_fault_is_injected_met_and_removed(signed_in: Page, dev: DevServer) -> None:
    text = submit(signed_in, dev, "arm", kind="refuse", status="503", times="2")
    assert "The fault is armed." in text
    assert "status 503" in text
    answer = httpx.get(f"{dev['http']}/api/fabric/addresses", auth=dev.auth)
    assert answer.status_code == 503
    assert [one["left"] for one in state(dev)["faults"]] == [1]
    assert "No faults" in submit(signed_in, dev, "disarm")
    assert "Nothing was changed" in submit(signed_in, dev, "arm", kind="refuse", times="1")


def test_session_expires_early(signed_in: Page, dev: DevServer) -> None:
    made = httpx.post(
        f"{dev['http']}/api/fabric/subscribers/tokens",
        auth=dev.auth,
        json={"reference": "early@example.com"},
    ).json()
    sessions = httpx.post(
        f"{dev['http']}/api/satmint/tokens/introspect", auth=dev.auth, json={"token": made["token"]}
    ).json()
    identifier = sessions["sid"] if "sid" in sessions else sessions["session_id"]
    # The page is about the project that was last in view.
    signed_in.open(f"{dev['admin']}/console/projects/{dev['project_id']}/overview")
    assert "have expired" in submit(signed_in, dev, "expire", session=identifier, what="all")
    refreshed = httpx.post(
        f"{dev['http']}/api/fabric/subscribers/tokens/refresh",
        auth=dev.auth,
        json={"refresh_token": made["refresh_token"]},
    )
    assert refreshed.status_code == 422
    assert "no such session" in submit(signed_in, dev, "expire", session="0")
    assert "0 WebSocket connections cut" in submit(signed_in, dev, "cut-sockets")
    assert "are reset" in submit(signed_in, dev, "reset")
