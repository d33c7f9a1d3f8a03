"""The demo project of a development server, for its terminal output and start page."""

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
    """The vendor's browser SDK, which satmint does not distribute."""

    file: Path
    """Path of the UMD build of 4.x, whether or not it exists."""
    command: str
    """A shell command that downloads it."""

    @classmethod
    def samples(cls) -> Self:
        """A sample for rendering pages."""
        return cls(Path("browser.umd.js"), "npm ci --prefix tests/browser")


@dataclass(frozen=True, slots=True)
class Demo:
    """A project with everything that a first try needs. Production servers have none."""

    project_id: UUID
    api_token: SecretText
    """An API token with all permissions."""
    c2c_token: SecretText
    addresses: tuple[Address, ...]
    http: str
    """The server's URL for backends, such as `http://127.0.0.1:8080`, without a final slash."""
    https: str
    """The server's URL for browsers."""
    ca_file: Path
    """The CA certificate (PEM) of `https`."""
    browser_sdk: BrowserSdk | None = None
    """The SDK that the page `/try` loads."""
    bad_days: str | None = None
    """Path of the page on fault injection; None if the server has none."""
    documentation: str | None = None
    """Path of the documentation site; None if the server has none."""
    documentation_command: str | None = None
    """A shell command that builds it, if it is not there."""
    console: str | None = None
    """URL that leads to the console and signs in; None if the server has none."""

    @property
    def space(self) -> str:
        """Host and port for `RestClient`, which uses HTTP for loopback hosts."""
        return urlsplit(self.http).netloc

    def exports(self) -> str:
        """Shell commands after which `RestClient()` needs no arguments."""
        variables = {
            "SIGNALWIRE_SPACE": self.space,
            "SIGNALWIRE_PROJECT_ID": str(self.project_id),
            "SIGNALWIRE_API_TOKEN": self.api_token.reveal(),
        }
        return "\n".join(f"export {name}={shlex.quote(text)}" for name, text in variables.items())

    def curl(self) -> str:
        """A shell command that signs a subscriber in."""
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
