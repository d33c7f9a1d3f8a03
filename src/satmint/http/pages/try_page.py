"""The page `/try` of a development server, which demonstrates the lifecycle of a token."""

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from satmint.http.pages.start import StartPage
from satmint.model.demo import BrowserSdk, Demo


@dataclass(frozen=True, slots=True)
class SignInMethod:
    """A way to sign in."""

    id: str
    name: str
    explanation: str


SIGN_IN_METHODS: Final = (
    SignInMethod("user", "Subscriber", "The token is bound to a key in this browser and renewed."),
    SignInMethod("guest", "Guest", "A user without an account, with access to listed addresses."),
    SignInMethod("embed", "Embed", "A visitor of a page with a Click-to-Call token."),
    SignInMethod("invite", "Invite", "A user whom a subscriber invited to one of its addresses."),
)


@dataclass(frozen=True, slots=True)
class TryPage:
    """The page `/try`. Its scripts are in `try_files`."""

    template: ClassVar[str] = "try.html"

    demo_url: str
    """The URL at which the page can be used."""
    demo: Demo | None = None
    """The credentials to sign in with; None: the request did not come from this machine."""
    sdk: BrowserSdk | None = None
    """The vendor's SDK; None: not configured."""
    has_sdk: bool = False
    """Whether the file of the SDK exists."""
    methods: tuple[SignInMethod, ...] = SIGN_IN_METHODS

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        starts = StartPage.samples()
        sdk = BrowserSdk.samples()
        hostile = SignInMethod("<script>", "<script>alert(1)</script>", "<script>alert(2)</script>")
        return {
            "ready": cls(_HTTP, starts["development"].demo, sdk, has_sdk=True),
            "without the SDK": cls(_HTTP, starts["development"].demo, sdk),
            "requested from another machine": cls(_HTTP),
            "hostile": cls(
                "javascript:alert(3)",
                starts["hostile"].demo,
                BrowserSdk(sdk.file, "<script>alert(4)</script>"),
                methods=(hostile,),
            ),
        }


_HTTP: Final = "http://127.0.0.1:8080"
