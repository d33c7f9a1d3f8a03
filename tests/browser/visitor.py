"""Somebody who visits a page that includes the vendor's SDK."""

import json
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from tests.browser.site import CLOCK, HARNESS, Site
from tests.browser.vendor import sdk_file
from tests.kit.chromium import Page
from tests.kit.dev import DevServer

DEVICES: Final = "/api/fabric/subscriber/devices"
FAR: Final = 60.0
"""Seconds. What the SDK waits for so long is the renewal of its token, and nothing else."""

_AUTH: Final = ("signalwire.connect", "signalwire.reauthenticate")
_CLUSTER: Final = ("fabric.localhost", "puc.localhost")


def control(dev: DevServer, method: str, path: str, **members: object) -> Any:  # noqa: ANN401
    """What `satmint dev` says when it is told of the weather, in JSON."""
    url = f"{dev['http']}/api/satmint/dev{path}"
    # Plain http: without `verify`, no certificates are read for nothing.
    answer = httpx.request(method, url, auth=dev.auth, json=members or None, verify=False)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


class Visitor:
    """One tab, with one version of the SDK in it."""

    def __init__(self, page: Page, site: Site, dev: DevServer, version: str, skew: int = 0) -> None:
        """Have the page's clock `skew` seconds ahead of the server's, wherever that is."""
        sdk_file(version)
        self.page, self.site, self.dev, self.version = page, site, dev, version
        offset = control(dev, "GET", "")["clock"]["offset"]
        page.before_all(f"window.name ||= '{(offset + skew) * 1000}'; {CLOCK}")

    @property
    def cluster(self) -> str:
        """The port of the cluster hosts."""
        return str(self.dev["cluster_host"]).rpartition(":")[2]

    def open(self) -> None:
        """Visit the customer's page, at an origin of its own."""
        self.page.open(self.site.page(self.version))

    def open_on_satmint(self) -> None:
        """The same on a document of satmint's own origin, the one that the SDK calls."""
        self.page.open(f"https://fabric.localhost:{self.cluster}/livez")
        self.page.evaluate(f"window.BACKEND = {json.dumps(self.site.url)}; 0")
        for script in (HARNESS, sdk_file(self.version).read_text()):
            self.page.evaluate(f"{script}\n;0")

    def start(self, provider: str, **options: object) -> None:
        """Make a client of 4.x with `provider`, a JavaScript expression."""
        self.page.evaluate(f"harness.start({provider}, {json.dumps(options)}); 0")

    def sign_in(self, **members: object) -> None:
        """Make a client whose session is bound to its key, and wait until it is up."""
        self.start(f"harness.bound({json.dumps(members)})")
        self.until_up()

    def sign_in_3(self, token: str) -> None:
        """Connect with 3.30 and go online, and wait until both are done."""
        self.page.evaluate(f"harness.online({json.dumps(token)})")

    def until(self, condition: str, seconds: int = 60) -> None:
        """Wait until a JavaScript expression is true."""
        self.page.evaluate(f"harness.until(() => {condition}, {seconds})")

    def until_up(self) -> None:
        """Wait until the SDK says that it is connected, authenticated and registered."""
        self.until("harness.up()")

    def seen(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """What the harness kept under that name."""
        return self.page.evaluate(f"harness.seen.{name}")

    def skip(self, seconds: int) -> None:
        """Make time pass: on the server, then in the page."""
        control(self.dev, "POST", "/clock", advance=seconds)
        self.page.evaluate(f"clock.skip({seconds * 1000})")

    def skip_to_next(self, least: float = 5.0) -> int:
        """Make time pass until the next thing that the SDK waits for, `least` seconds away.

        Returns:
            Seconds.
        """
        seconds = int(self.page.evaluate(f"clock.ahead({least * 1000})") / 1000) + 1
        self.skip(seconds)
        return seconds

    def renew(self) -> int:
        """Make time pass until the SDK renews its Client Bound SAT, and wait until it has.

        Returns:
            After how many seconds that was.
        """
        before = self.seen("renewed")
        seconds = self.skip_to_next(FAR)
        self.until(f"harness.seen.renewed > {before} && clock.ahead({FAR * 1000}) < Infinity")
        return seconds

    @property
    def token(self) -> str:
        """The token that the connection goes by now."""
        shown = [one["params"]["authentication"] for one in self.sent if one.get("method") in _AUTH]
        return str(shown[-1]["jwt_token"])

    @property
    def answers(self) -> list[tuple[str, str, int]]:
        """Method, path and status of every answer from satmint's API, in order."""
        asked = {
            event["requestId"]: event["request"]["method"]
            for event in self.page.events("Network.requestWillBeSent")
            if event["request"]["method"] != "OPTIONS"
        }
        found = []
        for event in self.page.events("Network.responseReceived"):
            url = urlsplit(event["response"]["url"])
            if url.hostname == "fabric.localhost" and event["requestId"] in asked:
                status = int(event["response"]["status"])
                found.append((asked[event["requestId"]], url.path, status))
        return found

    def statuses(self, ending: str) -> list[int]:
        """The statuses of the answers from one path of the devices API."""
        return [status for _, path, status in self.answers if path == f"{DEVICES}/{ending}"]

    def bodies(self, ending: str) -> list[dict[str, Any]]:
        """What was sent there, `token` being what the Bearer was."""
        found = []
        for event in self.page.events("Network.requestWillBeSent"):
            request = event["request"]
            if urlsplit(request["url"]).path == f"{DEVICES}/{ending}" and "postData" in request:
                bearer = request["headers"]["Authorization"].removeprefix("Bearer ")
                found.append({**json.loads(request["postData"]), "token": bearer})
        return found

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What the SDK sent over its sockets."""
        return self._frames("Network.webSocketFrameSent")

    @property
    def received(self) -> list[dict[str, Any]]:
        """What it got."""
        return self._frames("Network.webSocketFrameReceived")

    @property
    def methods(self) -> list[str]:
        """What it asked for over its sockets."""
        return [one["method"] for one in self.sent if "method" in one]

    @property
    def refusals(self) -> list[tuple[int, str]]:
        """Code and message of every refusal over its sockets."""
        errors = [one["error"] for one in self.received if "error" in one]
        return [(one["code"], one["message"]) for one in errors]

    def assert_at_ease(self) -> None:
        """Nothing went wrong or was refused, and nobody else was called."""
        assert self.seen("errors") == []
        self.assert_among_us()
        assert self.page.complaints == []
        assert [one for one in self.answers if one[2] >= 400] == []
        assert self.refusals == []

    def assert_among_us(self) -> None:
        """Nobody but satmint and the site was called."""
        known = {f"{host}:{self.cluster}" for host in _CLUSTER}
        assert self.page.hosts <= known | {urlsplit(self.site.url).netloc}

    def _frames(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(event["response"]["payloadData"]) for event in self.page.events(name)]
