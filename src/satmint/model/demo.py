"""What a development server gives away, to be pasted from its terminal or its start page."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit
from uuid import UUID

from satmint.model.records import Address
from satmint.model.secrets import SecretText

_REFERENCE: Final = "alice@example.com"


@dataclass(frozen=True, slots=True)
class BrowserSdk:
    """The vendor's browser SDK, which is not ours to bring along."""

    file: Path
    """The UMD build of 4.x, where it is or would be."""
    command: str
    """A shell line that fetches it."""

    @classmethod
    def samples(cls) -> Self:
        """One to look at pages with."""
        return cls(Path("browser.umd.js"), "npm ci --prefix tests/browser")


@dataclass(frozen=True, slots=True)
class Demo:
    """A project with everything that a first try needs. A server in production has none."""

    project_id: UUID
    api_token: SecretText
    """Of every permission."""
    c2c_token: SecretText
    addresses: tuple[Address, ...]
    http: str
    """Where backends reach the server, such as `http://127.0.0.1:8080`; no slash at the end."""
    https: str
    """Where browsers reach it."""
    ca_file: Path
    """The certificate (PEM) that vouches for `https`."""
    browser_sdk: BrowserSdk | None = None
    """What the page `/try` loads."""
    bad_days: str | None = None
    """Path of the page that tells how to have them; None: this server has none."""

    @property
    def space(self) -> str:
        """Host and port, as `RestClient` takes them; it speaks http to loopback hosts."""
        return urlsplit(self.http).netloc

    def exports(self) -> str:
        """Shell lines after which `RestClient()` needs no arguments."""
        variables = {
            "SIGNALWIRE_SPACE": self.space,
            "SIGNALWIRE_PROJECT_ID": str(self.project_id),
            "SIGNALWIRE_API_TOKEN": self.api_token.reveal(),
        }
        return "\n".join(f"export {name}={shlex.quote(text)}" for name, text in variables.items())

    def curl(self) -> str:
        """A shell line that signs a subscriber in."""
        credentials = shlex.quote(f"{self.project_id}:{self.api_token.reveal()}")
        url = shlex.quote(f"{self.http}/api/fabric/subscribers/tokens")
        body = shlex.quote(json.dumps({"reference": _REFERENCE}))
        lines = (f"curl -u {credentials}", "-H 'Content-Type: application/json'", f"-d {body}", url)
        return " \\\n  ".join(lines)

    def python(self) -> str:
        """A Python program that signs a subscriber in and refreshes the token once."""
        return f"""\
from signalwire.rest import RestClient

client = RestClient(
    project={json.dumps(str(self.project_id))},
    token={json.dumps(self.api_token.reveal())},
    host={json.dumps(self.space)},
)
tokens = client.fabric.tokens
pair = tokens.create_subscriber_token(reference={json.dumps(_REFERENCE)})
pair = tokens.refresh_subscriber_token(refresh_token=pair["refresh_token"])
print(pair["token"])
"""
