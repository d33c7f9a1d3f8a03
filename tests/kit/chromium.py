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
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.sync.client import ClientConnection, connect

from tests.kit import apt
from tests.kit.polling import wait_until

Event = dict[str, Any]
Answer = Callable[[Event], int | None]

MISSING: Final = (
    "Chromium is missing, so the browser tests do not run. On Debian: apt-get install chromium"
)

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_THIS_MACHINE: Final = "EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost"
_ANSWER_SECONDS: Final = 120
"""Longer than any script of a test waits for something."""
_LEFT: Final = (
    "Inspected target navigated or closed",
    "Execution context was destroyed.",
    "Cannot find default execution context",
    "Cannot find context with specified id",
)
"""What the browser says of a script whose page was left meanwhile, or is not there yet."""
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


class PageLeft(Exception):
    """The tab has gone on to another page while a script ran."""


class Page:
    """A tab with its own cookies and storage."""

    def __init__(self, tools: "_DevTools", target: str, session: str) -> None:
        self._tools = tools
        self._target = target
        self._session = session

    def open(self, url: str) -> int:
        """Go to `url`, wait until it is there with all that belongs to it; returns its status."""
        document = self._go(url)
        return next(
            int(one["response"]["status"])
            for one in self.events("Network.responseReceived")
            if (one["type"], one["loaderId"]) == ("Document", document)
        )

    def leave(self) -> None:
        """Go to an empty page: what the page did by itself ends."""
        self._go("about:blank")

    def follow(self, script: str) -> None:
        """Run a script that leads to another page, and wait until that is there, as `open` does."""
        before = self.call("Page.getFrameTree")["frameTree"]["frame"]["loaderId"]
        self._tools.forget(self._session)
        with suppress(PageLeft):
            self.evaluate(f"{script}; 0")
        self._wait_for_load(lambda seen: seen[-1] != before)

    def _go(self, url: str) -> str:
        """Go to `url`, and on to where its document leads by itself; the id of that document."""
        self._tools.forget(self._session)
        said = self.call("Page.navigate", url=url)
        assert "errorText" not in said, said
        document = str(said["loaderId"])
        self._wait_for_load(lambda seen: document in seen)
        return document

    def _wait_for_load(self, fits: Callable[[list[str]], bool]) -> None:
        """Wait until a document is there with all that belongs to it.

        Args:
            fits: Whether it is one to wait for, by the ids of all documents since; it is the last.
        """
        seen: list[str] = []

        def loaded(event: Event) -> bool:
            if event["frameId"] != self._target:
                return False
            seen.append(event["loaderId"])
            return event["name"] == "load" and fits(seen)

        self._tools.wait_for(self._session, "Page.lifecycleEvent", loaded)

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever JavaScript says
        """The value of a JavaScript expression; a promise is waited for.

        This works whatever the page's own policy forbids to scripts.

        Raises:
            PageLeft: the tab has gone on to another page.
        """
        said = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true, in this page or in the one that comes.

        An error in it, while a page loads, is not.
        """
        fact = f"(() => {{ try {{ return Boolean({condition}); }} catch {{ return false; }} }})()"

        def holds() -> bool:
            try:
                return self.evaluate(fact) is True
            except PageLeft:
                return False

        wait_until(holds)

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

    def before_all(self, script: str) -> None:
        """Have `script` run in every document of this tab, before the document's own scripts."""
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def intercept(self, pattern: str, answer: Answer) -> None:
        """Have `answer` say what becomes of each request to a URL like `pattern` (`*` is any text).

        It is called while this tab waits for something, with what the DevTools protocol calls
        `Fetch.requestPaused`; it returns a status, which the page is then answered with, or None to
        let the request go its way.
        """

        def paused(event: Event) -> None:
            status = answer(event)
            number = event["requestId"]
            if status is None:
                self._tools.tell("Fetch.continueRequest", {"requestId": number}, self._session)
                return
            fulfilled = {
                "requestId": number,
                "responseCode": status,
                "responseHeaders": [
                    {"name": "Access-Control-Allow-Origin", "value": "*"},
                    {"name": "Content-Type", "value": "application/json"},
                ],
                "body": b64encode(b'{"error":"made to fail by the test"}').decode(),
            }
            self._tools.tell("Fetch.fulfillRequest", fulfilled, self._session)

        self._tools.on(self._session, "Fetch.requestPaused", paused)
        self.call("Fetch.enable", patterns=[{"urlPattern": pattern}])

    @property
    def requests(self) -> list[str]:
        """URLs that the page asked for since it was opened."""
        sent = self.events("Network.requestWillBeSent")
        return [str(event["request"]["url"]) for event in sent]

    @property
    def hosts(self) -> set[str]:
        """Every host and port that the page spoke to, or tried to, sockets included."""
        sockets = [str(event["url"]) for event in self.events("Network.webSocketCreated")]
        return {urlsplit(url).netloc for url in (*self.requests, *sockets)} - {""}

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
        page = Page(self._tools, target, session)
        for domain in ("Page", "Network", "Log", "Runtime"):
            page.call(f"{domain}.enable")
        page.call("Page.setLifecycleEventsEnabled", enabled=True)
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
        # A test may read nothing for minutes: the browser must not wait for that, nor be asked
        # whether it is there.
        with connect(
            address,
            max_size=None,
            max_queue=None,
            proxy=None,
            compression=None,
            ping_interval=None,
        ) as socket:
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
    if found is None:
        apt.install("chromium")
        found = _found()
    return found


def trusting(certificate: Path) -> str:
    """A flag that has the key of a certificate (PEM) trusted, and no other."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    key = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"--ignore-certificate-errors-spki-list={b64encode(sha256(key).digest()).decode()}"


class _DevTools:
    """One connection to the browser; a session for each tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last = 0
        self._handlers: dict[tuple[str, str], Callable[[Event], None]] = {}
        self.events: deque[Event] = deque()

    def on(self, session: str, method: str, handler: Callable[[Event], None]) -> None:
        """Call `handler` with what comes under that name, as soon as it is read."""
        self._handlers[session, method] = handler

    def tell(self, method: str, params: object, session: str | None = None) -> int:
        """Send a command and do not wait; returns its number."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        return self._last

    def call(self, method: str, params: object, session: str | None = None) -> Event:
        number = self.tell(method, params, session)
        while True:
            said = self._next()
            if said.get("id") == number:
                if said.get("error", {}).get("message") in _LEFT:
                    raise PageLeft(method)
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
            handler = self._handlers.get((said.get("sessionId", ""), said["method"]))
            if handler is not None:
                handler(said["params"])
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
