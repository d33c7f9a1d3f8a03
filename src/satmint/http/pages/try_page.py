"""The page of a development server on which one watches the life of a token, in a browser."""

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from satmint.http.pages.start import StartPage
from satmint.model.demo import BrowserSdk, Demo


@dataclass(frozen=True, slots=True)
class Pattern:
    """One of the ways to sign in."""

    id: str
    name: str
    explanation: str


PATTERNS: Final = (
    Pattern("user", "Signed-in user", "Bound to a key in this browser, which renews it."),
    Pattern("guest", "Guest", "No account. May reach the addresses that it was made for."),
    Pattern("embed", "Embed", "Any visitor of a page that holds a Click-to-Call token."),
    Pattern("invite", "Invite", "Somebody whom a subscriber asked to one of its addresses."),
)


@dataclass(frozen=True, slots=True)
class TryPage:
    """See the module. Its scripts are files beside it, in `try_files`."""

    template: ClassVar[str] = "try.html"

    demo_at: str
    """Where the page can be used."""
    demo: Demo | None = None
    """What it signs in with; None: it was not asked for from this machine."""
    sdk: BrowserSdk | None = None
    """The vendor's SDK; None where nobody told which."""
    has_sdk: bool = False
    """Whether its file is there."""
    patterns: tuple[Pattern, ...] = PATTERNS

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        starts = StartPage.samples()
        sdk = BrowserSdk.samples()
        hostile = Pattern("<script>", "<script>alert(1)</script>", "<script>alert(2)</script>")
        return {
            "ready": cls(_HTTP, starts["development"].demo, sdk, has_sdk=True),
            "without the SDK": cls(_HTTP, starts["development"].demo, sdk),
            "asked for from elsewhere": cls(_HTTP),
            "hostile": cls(
                "javascript:alert(3)",
                starts["hostile"].demo,
                BrowserSdk(sdk.file, "<script>alert(4)</script>"),
                patterns=(hostile,),
            ),
        }


_HTTP: Final = "http://127.0.0.1:8080"
