"""A real Chromium without a window, driven over its DevTools protocol.

    with a_browser(tmp_path) as browser, browser.page(width=390, dark=True) as page:
        page.open("http://127.0.0.1:8080/")
        assert page.evaluate("document.title") == "satmint"

It reaches this machine only: every other name is made not to resolve. `Page.requests` and
`Page.complaints` hold what the page asked for and what the browser had to say about it.
"""

import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

import pytest
from websockets.sync.client import ClientConnection, connect

Event = dict[str, Any]

MISSING: Final = (
    "Chromium is missing, so the browser tests do not run. On Debian: apt-get install chromium"
)

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_THIS_MACHINE: Final = "EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost"
_ANSWER_SECONDS: Final = 30
_INSTALL_SECONDS: Final = 600
_FLAGS: Final = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--hide-scrollbars",
    f"--host-resolver-rules=MAP * ~NOTFOUND, {_THIS_MACHINE}",
    "--remote-debugging-port=0",
)


class Page:
    """A tab with its own cookies and storage."""

    def __init__(self, tools: "_DevTools", session: str) -> None:
        self._tools = tools
        self._session = session

    def open(self, url: str) -> int:
        """Go to `url`, wait until it is there with all that belongs to it; returns its status."""
        self._tools.forget(self._session)
        said = self.call("Page.navigate", url=url)
        assert "errorText" not in said, said
        self._tools.wait_for(self._session, "Page.loadEventFired", lambda _: True)
        answers = self.events("Network.responseReceived")
        return next(int(one["response"]["status"]) for one in answers if one["type"] == "Document")

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever JavaScript says
        """The value of a JavaScript expression; a promise is waited for.

        This works whatever the page's own policy forbids to scripts.
        """
        said = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def show(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Be a screen of that size, in CSS pixels, of somebody who likes it light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = "dark" if dark else "light"
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def press(self, key: str) -> None:
        """Press a key, such as `Tab` or `Enter`."""
        code = {"Tab": 9, "Enter": 13}[key]
        text = {"Enter": "\r"}.get(key, "")
        named = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **named)
        self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    def picture(self, *, whole: bool = False) -> bytes:
        """What is to be seen, as PNG; the whole page if wanted."""
        said = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return b64decode(said["data"])

    @property
    def requests(self) -> list[str]:
        """URLs that the page asked for since it was opened."""
        sent = self.events("Network.requestWillBeSent")
        return [str(event["request"]["url"]) for event in sent]

    @property
    def complaints(self) -> list[str]:
        """What the browser found wrong since then: failed loads, violated policies, exceptions."""
        self.evaluate("0")  # what has happened by now is told before this is answered
        entries = [str(event["entry"]["text"]) for event in self.events("Log.entryAdded")]
        thrown = self.events("Runtime.exceptionThrown")
        return entries + [str(event["exceptionDetails"]["text"]) for event in thrown]

    def events(self, method: str) -> list[Event]:
        """What came under that name since the page was opened."""
        return [
            event["params"]
            for event in self._tools.events
            if event["method"] == method and event.get("sessionId") == self._session
        ]

    def call(self, method: str, **params: object) -> Event:
        """A command of the DevTools protocol."""
        return self._tools.call(method, params, self._session)


class Browser:
    """A running Chromium."""

    def __init__(self, tools: "_DevTools") -> None:
        self._tools = tools

    @contextmanager
    def page(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[Page]:
        """A tab that shares nothing with any other."""
        context = self._tools.call("Target.createBrowserContext", {})["browserContextId"]
        target = self._tools.call(
            "Target.createTarget", {"url": "about:blank", "browserContextId": context}
        )["targetId"]
        session = self._tools.call("Target.attachToTarget", {"targetId": target, "flatten": True})[
            "sessionId"
        ]
        page = Page(self._tools, session)
        for domain in ("Page", "Network", "Log", "Runtime"):
            page.call(f"{domain}.enable")
        page.show(width=width, height=height, dark=dark)
        try:
            yield page
        finally:
            self._tools.call("Target.disposeBrowserContext", {"browserContextId": context})


@contextmanager
def a_browser(folder: Path, *flags: str) -> Iterator[Browser]:
    """A Chromium with its profile in `folder`; skips the test, loudly, where there is none."""
    program = chromium_program()
    if program is None:
        pytest.skip(MISSING)
    # Its own sandbox needs namespaces, which root in a container seldom has.
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    profile = f"--user-data-dir={folder / 'chromium'}"
    process = subprocess.Popen(
        [program, *_FLAGS, *sandbox, *flags, profile, "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
    )
    assert process.stderr is not None
    try:
        address = _address_said(process.stderr)
        with connect(address, max_size=None, proxy=None, compression=None) as socket:
            tools = _DevTools(socket)
            yield Browser(tools)
            tools.call("Browser.close", {})
        process.wait(_ANSWER_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stderr.close()


@cache
def chromium_program() -> str | None:
    """Where Chromium is. It is installed first, where it is missing and may be: root on Debian."""
    found = _found()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
            command = ["apt-get", "--quiet", *arguments]
            subprocess.run(
                command, capture_output=True, env=environment, timeout=_INSTALL_SECONDS, check=False
            )
        found = _found()
    return found


class _DevTools:
    """One connection to the browser; a session for each tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last = 0
        self.events: deque[Event] = deque()

    def call(self, method: str, params: object, session: str | None = None) -> Event:
        self._last += 1
        number = self._last
        message = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        while True:
            said = self._next()
            if said.get("id") == number:
                assert "error" not in said, (method, said["error"])
                result: Event = said["result"]
                return result

    def wait_for(self, session: str, method: str, fits: Callable[[Event], bool]) -> Event:
        seen = 0
        while True:
            while seen < len(self.events):
                event = self.events[seen]
                seen += 1
                ours = event["method"] == method and event.get("sessionId") == session
                if ours and fits(event["params"]):
                    return event
            self._next()

    def forget(self, session: str) -> None:
        self.events = deque(one for one in self.events if one.get("sessionId") != session)

    def _next(self) -> Event:
        said: Event = json.loads(self._socket.recv(timeout=_ANSWER_SECONDS))
        if "method" in said:
            self.events.append(said)
        return said


def _found() -> str | None:
    named = os.environ.get("SATMINT_TEST_CHROMIUM")
    if named:
        return named
    return next((path for path in map(shutil.which, _NAMES) if path), None)


def _address_said(log: IO[str]) -> str:
    """The WebSocket address that Chromium prints when it is ready."""
    said = []
    for line in log:
        said.append(line)
        if line.startswith("DevTools listening on "):
            return line.removeprefix("DevTools listening on ").strip()
    raise AssertionError("Chromium did not start:\n" + "".join(said))
