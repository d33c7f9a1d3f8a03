"""Sessions, webhooks, events and keys in a real browser: each action, to what the API says then."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Final

import httpx
import pytest

from tests.console.hand import Hand
from tests.kit.dev import DevServer
from tests.kit.polling import wait_until

_NUMBERS: Final = count()
_HOSTILE: Final = b"<img src=x onerror=document.title='gone'>"
"""What an endpoint answers."""


@pytest.fixture
def api(dev: DevServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=dev["http"], auth=dev.auth) as client:
        yield client


def _sign_in(api: httpx.Client, reference: str, **more: str) -> str:
    """Open a session; returns its id."""
    body = {"reference": reference, **more}
    sat = api.post("/api/fabric/subscribers/tokens", json=body).raise_for_status().json()["token"]
    answer = api.post("/api/satmint/tokens/introspect", json={"token": sat})
    return str(answer.raise_for_status().json()["session_id"])


def _states(api: httpx.Client, *sessions: str) -> list[str]:
    answers = [api.get(f"/api/satmint/sessions/{session}") for session in sessions]
    return [answer.raise_for_status().json()["state"] for answer in answers]


def _somebody() -> str:
    """A reference that no other test has used."""
    return f"path-{next(_NUMBERS)}@example.com"


def test_sessions_are_searched_filtered_and_revoked(hand: Hand, api: httpx.Client) -> None:
    user = _somebody()
    sessions = [_sign_in(api, user) for _ in range(4)]
    other = _sign_in(api, _somebody())
    hand.open("/sessions")
    hand.type("search", user)
    hand.press("Apply")
    assert hand.text.count(user) == 4
    hand.press("Revoke chosen")
    assert "Choose sessions first." in hand.text
    hand.open(f"/sessions?search={user}")
    for session in sessions[:2]:
        hand.check(session)
    hand.press("Revoke chosen")
    assert "2 sessions will be revoked." in hand.text
    hand.press("Revoke 2 sessions")
    assert "2 sessions were revoked." in hand.text
    assert _states(api, *sessions) == ["revoked", "revoked", "active", "active"]
    hand.open(f"/sessions?search={user}")
    hand.type("state", "active")
    hand.press("Apply")
    assert hand.text.count(user) == 2
    hand.press("Revoke all found")
    assert f"2 active sessions of “{user}”, state active will be revoked." in hand.text
    hand.type("typed", "Revoke")
    hand.press("Revoke 2 active sessions")
    assert "Nothing was revoked: revoke was not typed." in hand.text
    assert _states(api, *sessions[2:]) == ["active", "active"]
    hand.press("Revoke all found")
    hand.type("typed", "revoke")
    hand.press("Revoke 2 active sessions")
    assert "2 sessions were revoked." in hand.text
    assert "No session found" in hand.text
    assert _states(api, *sessions, other) == ["revoked"] * 4 + ["active"]


def test_one_session_is_looked_at_and_revoked(hand: Hand, api: httpx.Client) -> None:
    user = _somebody()
    session = _sign_in(api, user)
    hand.open(f"/sessions?search={user}")
    hand.press(f"{session[:8]}…")
    assert "active" in hand.text
    assert "Not online" in hand.text
    hand.press("Revoke session")
    hand.press("Cancel")
    assert _states(api, session) == ["active"]
    hand.press("Revoke session")
    assert "1 session will be revoked." in hand.text
    hand.press("Revoke session")
    assert "The session was revoked." in hand.text
    assert "session revoked" in hand.text
    assert _states(api, session) == ["revoked"]
    hand.press(user)
    assert user in hand.text


class _Endpoint(BaseHTTPRequestHandler):
    """Answers as `statuses` of its server says, and 204 after that."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.received.append(body["type"])  # type: ignore[attr-defined]
        statuses: list[int] = self.server.statuses  # type: ignore[attr-defined]
        status = statuses.pop(0) if statuses else 204
        self.send_response(status)
        answer = b"" if status == 204 else _HOSTILE
        if answer:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        pass


@contextmanager
def _endpoint(statuses: list[int]) -> Iterator[tuple[str, list[str]]]:
    """An endpoint of webhooks on this machine; yields its URL, and the types of what it got.

    It answers with each of `statuses`, which it removes, and with 204 when there are none.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint)
    received = list[str]()
    server.statuses, server.received = statuses, received  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/alerts", received
    finally:
        server.shutdown()
        server.server_close()


def test_webhook_is_created_tried_paused_resumed_and_deleted(hand: Hand, api: httpx.Client) -> None:
    statuses = [500, 204]
    with _endpoint(statuses) as (url, received):
        hand.open("/webhooks")
        hand.press("New webhook")
        hand.type("url", "ftp://127.0.0.1/x")
        hand.press("Create webhook")
        assert hand.page.evaluate("document.querySelectorAll('main .error').length") == 1
        hand.type("url", url)
        hand.press("Create webhook")
        secret = hand.page.evaluate("document.querySelector('.secret code').textContent")
        assert secret.startswith("whsec_")
        hand.press("Done")
        assert secret not in hand.text
        hand.press("Send a test")
        assert "The endpoint answered 500 after" in hand.text
        assert _HOSTILE.decode() in hand.text
        hand.press("Send a test")
        assert "The endpoint answered 204 after" in hand.text
        # Until it is paused: a slow machine may see the next attempts as well.
        statuses += [503] * 100
        api.delete(f"/api/satmint/sessions/{_sign_in(api, _somebody())}").raise_for_status()
        hand.reload_until("session revoked", "503", "pending", "attempt ")
        assert hand.page.evaluate("document.title") != "gone"
        hand.press("Pause")
        assert "The webhook is paused: its messages wait." in hand.text
        statuses.clear()
        hand.press("Retry")
        assert "The message is sent when the webhook is resumed." in hand.text
        before = received.count("session_revoked")
        hand.press("Resume")
        assert "The webhook is resumed: its messages are sent now." in hand.text
        # The tests above were delivered as well: the page alone does not tell when this one is.
        wait_until(lambda: received.count("session_revoked") > before)
        attempts = received.count("session_revoked")
        assert attempts > 1
        hand.reload_until("delivered", "204", f"attempt {attempts}")
        hand.press("Retry")
        assert "The message is sent again." in hand.text
        wait_until(lambda: received.count("session_revoked") == attempts + 1)
        hand.press("Delete")
        hand.press("Delete webhook")
        assert "The webhook was deleted." in hand.text
    urls = [one["url"] for one in api.get("/api/satmint/webhooks").json()["data"]]
    assert url not in urls


def test_events_are_filtered_and_exported(hand: Hand, api: httpx.Client, tmp_path: Path) -> None:
    user = _somebody()
    session = _sign_in(api, user)
    api.delete(f"/api/satmint/sessions/{session}").raise_for_status()
    hand.open("/events")
    hand.type("subscriber", user)
    hand.type("kind", "issued")
    hand.press("Apply")
    assert hand.page.evaluate("document.querySelectorAll('main tbody tr').length") == 1
    hand.open(f"/events?session={session}")
    hand.page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    kinds = {"session_revoked", "issued"}
    for label, suffix in (("JSON lines", "jsonl"), ("CSV", "csv")):
        hand.page.evaluate(
            "[...document.querySelectorAll('main a')]"
            f".find(one => one.textContent.trim() === {json.dumps(label)}).click(); 0"
        )
        wait_until(lambda suffix=suffix: list(tmp_path.glob(f"*.{suffix}")))  # type: ignore[misc]
        (file,) = tmp_path.glob(f"*.{suffix}")
        if suffix == "csv":
            found = {row["kind"] for row in csv.DictReader(file.read_text().splitlines())}
        else:
            found = {json.loads(line)["kind"] for line in file.read_text().splitlines()}
        assert found == kinds


def test_keys_are_prepared_activated_and_retired(hand: Hand, dev: DevServer) -> None:
    keys = Hand(hand.page, f"{dev['admin']}/console/keys")
    keys.open("")
    keys.press("Prepare a key")
    keys.press("Prepare a key")
    assert "is prepared. Activate it when every server has loaded it." in keys.text
    keys.press("Activate the prepared key")
    keys.press("Rotate the keys")
    assert "is active. Every process uses it within a minute." in keys.text
    assert "retired" in keys.text
    keys.press("Prepare a key")
    keys.press("Prepare a key")
    keys.press("Retire")
    assert "It has encrypted nothing." in keys.text
    keys.press("Retire the key")
    assert "is retired." in keys.text
