"""The start page: a description, links and, on development servers, the demo credentials."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Self
from uuid import UUID

from satmint.model.demo import Demo
from satmint.model.records import Address, AddressType, Channel
from satmint.model.secrets import SecretText


@dataclass(frozen=True, slots=True)
class StartPage:
    """The start page."""

    template: ClassVar[str] = "start.html"

    public_url: str
    cluster_host: str | None = None
    """The host to which browser SDKs connect."""
    demo: Demo | None = None
    """The demo credentials to show; None in production."""
    demo_url: str | None = None
    """The URL that shows the demo credentials, if this request must not see them."""

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        return {
            "production": cls("https://sat.example.com"),
            "development": cls(_HTTP, "puc.localhost:8443", _demo("support", "Support")),
            "without a cluster host": cls(_HTTP, None, _demo("support", "Support")),
            "requested from another machine": cls(_HTTP, demo_url=_HTTP),
            "hostile": cls(
                _HTTP,
                "puc.<script>alert(1)</script>",
                _demo("<script>alert(2)</script>", '"><script>alert(3)</script>'),
                "javascript:alert(4)",
            ),
        }


_HTTP: Final = "http://127.0.0.1:8080"


def _demo(name: str, token: str) -> Demo:
    project = UUID("7d1b7a3e-2f6c-4a8e-8d52-5f0c9e4b6a10")
    address = Address(
        id=UUID("b2f4c6d8-1a3e-4c5b-9e7d-6f8a0b2c4d6e"),
        project=project,
        context="public",
        name=name,
        display_name=name,
        type=AddressType.ROOM,
        channels=frozenset(Channel),
        created_at=1_700_000_000,
    )
    return Demo(
        project_id=project,
        api_token=SecretText(f"PT{token}"),
        c2c_token=SecretText(f"c2c_{token}"),
        addresses=(address,),
        http=_HTTP,
        https="https://127.0.0.1:8443",
        ca_file=Path(".satmint") / "ca.pem",
    )
