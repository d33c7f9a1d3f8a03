"""`/try` in a real browser, with the vendor's real SDK: everything that a visitor can do there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.browser.site import CLOCK
from tests.browser.vendor import sdk_file
from tests.browser.visitor import control
from tests.kit.chromium import Browser, Page, a_browser, trusting
from tests.kit.dev import DevServer, running_dev
from tests.kit.page_layout import CONTRAST, OVERFLOW, WIDTHS

LAMPS: Final = ("connected", "registered", "key", "session")
LIVES: Final = "[...document.querySelectorAll('#picture rect')].map(one => one.classList[0])"


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    sdk = sdk_file("4.0.0-beta.12")
    with running_dev(tmp_path_factory.mktemp("dev"), "--browser-sdk", str(sdk)) as running:
        yield running


@pytest.fixture(scope="module")
def browser(dev: DevServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    certificate = Path(dev["ca_file"]).parent / "server.pem"
    with a_browser(tmp_path_factory.mktemp("browser"), trusting(certificate)) as running:
        yield running


class TryIt:
    """The page, and who sits before it."""

    def __init__(self, page: Page, dev: DevServer) -> None:
        self.page, self.dev = page, dev
        self._already = int(control(dev, "GET", "")["clock"]["offset"]) * 1000
        page.before_all(f"window.name ||= '{self._already}'; {CLOCK}")

    def open(self, origin: str | None = None) -> None:
        assert self.page.open(f"{origin or self.dev['http']}/try") == 200

    def click(self, selector: str) -> None:
        self.page.evaluate(f"document.querySelector({selector!r}).click()")

    def sign_in(self, pattern: str = "user") -> None:
        self.click(f"[value={pattern}]")
        self.click(".main-action")
        self.until("document.getElementById('connected').textContent === 'open'")
        self.until("document.getElementById('registered').textContent === 'yes'")
        self.until("document.getElementById('session').textContent === 'live'")

    def until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        self.page.evaluate(
            f"""new Promise((resolve, reject) => {{
              const end = clock.real.now() + 20000;
              const look = () => {{
                if ({condition}) resolve();
                else if (clock.real.now() > end) reject(new Error(document.body.innerText));
                else clock.real.set(look, 10);
              }};
              look();
            }})"""
        )

    def until_it_waits_for_its_renewal(self, times: int) -> None:
        """Wait until the SDK has authenticated with its latest token, and set its alarm."""
        self.until(
            "[...document.querySelectorAll('#events [data-tone=good] .what')]"
            ".filter(one => one.textContent.endsWith('signalwire.reauthenticate'))"
            f".length === {times} && clock.ahead(20000) < Infinity"
        )

    def skip(self, seconds: int) -> None:
        control(self.dev, "POST", "/clock", advance=seconds)
        self.page.evaluate(f"clock.skip({seconds * 1000})")

    def text(self, name: str) -> str:
        return str(self.page.evaluate(f"document.getElementById({name!r}).textContent"))

    @property
    def lamps(self) -> list[str]:
        return [self.text(name) for name in LAMPS]

    @property
    def events(self) -> list[str]:
        """What happened, oldest first: who, what and how it went."""
        lines: list[str] = self.page.evaluate(
            "[...document.querySelectorAll('#events li')].reverse().map(line =>"
            " ['.lane', '.method', '.what code', '.outcome']"
            ".map(part => line.querySelector(part).textContent).join(' ').trim())"
        )
        return lines

    @property
    def enabled(self) -> list[str]:
        names: list[str] = self.page.evaluate(
            "[...document.querySelectorAll('.actions button:enabled')].map(one => one.id)"
        )
        return names


@pytest.fixture
def try_it(browser: Browser, dev: DevServer) -> Iterator[TryIt]:
    with browser.page() as page:
        yield TryIt(page, dev)


def test_signed_in_user_is_bound_to_a_key_and_renewed(try_it: TryIt) -> None:
    try_it.open()
    try_it.sign_in()
    try_it.until("document.getElementById('until').textContent.includes('renews')")
    connected, registered, key, session = try_it.lamps
    assert (connected, registered, session) == ("open", "yes", "live")
    assert len(key) == 7
    assert try_it.enabled == ["drop", "revoke-session", "revoke-key", "leave"]
    began = try_it.events
    assert began[:3] == [
        "backend POST /api/fabric/subscribers/tokens 200",
        "browser GET /api/fabric/subscriber/info 200",
        "socket RPC signalwire.connect ok",
    ]
    assert "browser POST /api/fabric/subscriber/devices/token 201" in began
    assert sorted(try_it.page.evaluate(LIVES)) == ["coming", "spare", "used", "used"]
    for times in (1, 2):
        try_it.until_it_waits_for_its_renewal(times)
        try_it.skip(30)
        try_it.until(f"document.querySelectorAll('#picture .used').length === {2 + times}")
    try_it.until_it_waits_for_its_renewal(3)
    assert try_it.events.count("browser POST /api/fabric/subscriber/devices/refresh 201") == 2
    assert try_it.text("said").startswith("Received bound SAT 4. It expires in ")
    assert try_it.page.complaints == []


def test_key_that_is_revoked_ends_the_session_for_everybody_to_see(try_it: TryIt) -> None:
    try_it.open()
    try_it.sign_in()
    try_it.until("document.getElementById('revoke-key').disabled === false")
    try_it.click("#revoke-key")
    try_it.until("document.querySelector('.method.close') !== null")
    assert try_it.events[-1] == "socket CLOSE 4403"
    assert try_it.lamps == ["closed", "no", "none", "revoked"]
    assert (try_it.text("count"), try_it.text("said")) == (
        "revoked",
        "The session ended: revoked.",
    )
    assert try_it.enabled == []
    assert try_it.page.evaluate("document.querySelectorAll('#picture .cut').length") >= 1


def test_session_that_is_revoked_can_be_followed_by_another(try_it: TryIt) -> None:
    try_it.open()
    for _ in range(2):
        try_it.sign_in()
        try_it.click("#revoke-session")
        try_it.until("document.querySelector('.method.close') !== null")
        assert try_it.text("session") == "revoked"
    assert try_it.page.complaints == []


def test_connection_that_is_dropped_comes_back_by_itself(try_it: TryIt) -> None:
    try_it.open()
    try_it.sign_in()
    try_it.click("#drop")
    try_it.until(
        "[...document.querySelectorAll('#events .note')]"
        ".some(one => one.textContent.startsWith('Resumes'))"
    )
    try_it.until("document.getElementById('connected').textContent === 'open'")
    assert try_it.text("session") == "live"
    assert "you DO drop the connection" in try_it.events


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("guest", "backend POST /api/fabric/guests/tokens 201"),
        ("invite", "backend POST /api/fabric/subscribers/tokens 200"),
    ],
)
def test_who_has_no_key_is_there_until_the_token_ends(
    try_it: TryIt, pattern: str, first: str
) -> None:
    try_it.open()
    try_it.sign_in(pattern)
    assert try_it.events[0] == first
    assert try_it.text("key") == "not bound"
    assert "revoke-key" not in try_it.enabled
    try_it.skip(61)
    try_it.until("document.querySelector('.method.close') !== null")
    assert try_it.events[-1] == "socket CLOSE 4401"
    assert try_it.lamps == ["closed", "no", "none", "expired"]


def test_passer_by_is_let_in_by_the_embed_token(try_it: TryIt) -> None:
    try_it.open()
    try_it.sign_in("embed")
    assert try_it.events[0] == "browser POST /api/fabric/embeds/tokens 201"
    try_it.until("document.getElementById('claims').textContent.includes('embed')")
    try_it.click("#leave")
    try_it.until("document.getElementById('session').textContent === 'signed out'")
    assert try_it.enabled == []


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "fabric.localhost"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_it_works_under_every_name_of_this_machine(
    try_it: TryIt, dev: DevServer, scheme: str, name: str
) -> None:
    if scheme == "http" and name == "fabric.localhost":
        name = "puc.localhost"
    host = f"{name}:{dev[scheme].rpartition(':')[2]}"
    try_it.open(f"{scheme}://{host}")
    try_it.sign_in()
    assert try_it.page.hosts == {host}
    assert try_it.page.complaints == []


def test_another_origin_cannot_read_its_credentials(try_it: TryIt, dev: DevServer) -> None:
    try_it.page.open(dev["http"].replace("127.0.0.1", "localhost") + "/livez")
    read = try_it.page.evaluate(f"fetch('{dev['http']}/try').then(answer => answer.text())")
    assert "Token lifecycle" in read
    assert dev["api_token"] not in read


# --- how it looks and feels ---------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_the_screen_and_can_be_read(try_it: TryIt, width: int, dark: bool) -> None:
    try_it.page.show(width=width, dark=dark)
    try_it.open()
    for step in ("before", "signed in", "revoked"):
        if step == "signed in":
            try_it.sign_in()
        elif step == "revoked":
            try_it.click("#revoke-session")
            try_it.until("document.querySelector('.method.close') !== null")
        measured = try_it.page.evaluate(OVERFLOW)
        assert measured == {"page": width, "screen": width, "found": []}, step
        assert try_it.page.evaluate(CONTRAST)["faint"] == [], step


def test_it_can_be_used_with_the_keyboard_alone(try_it: TryIt) -> None:
    try_it.open()
    names = []
    for _ in range(8):
        try_it.page.press("Tab")
        names.append(
            try_it.page.evaluate(
                "document.activeElement.value || document.activeElement.textContent"
            )
        )
    assert names == [
        *("Skip to content", "satmint", "Reference", "Errors", "OpenAPI"),
        *("user", "on", "Sign in"),
    ]
    try_it.page.press("Enter")
    try_it.until("document.getElementById('session').textContent === 'live'")
    try_it.until("document.getElementById('drop').disabled === false")
    assert try_it.page.evaluate("document.activeElement.textContent") == "Sign in"
    try_it.page.press("Tab")
    assert try_it.page.evaluate("document.activeElement.id") == "drop"


def test_whoever_does_not_see_it_is_told(try_it: TryIt) -> None:
    try_it.open()
    assert try_it.page.evaluate("document.getElementById('said').getAttribute('aria-live')") == (
        "polite"
    )
    try_it.sign_in()
    try_it.until("document.getElementById('said').textContent !== ''")
    label = try_it.page.evaluate(
        "document.querySelector('#picture svg').getAttribute('aria-label')"
    )
    assert label.endswith("is the latest")
