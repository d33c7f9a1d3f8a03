"""Where `satmint dev` finds the vendor's browser SDK, for its page `/try`."""

from pathlib import Path
from typing import Final

from satmint.cli.report import Misuse
from satmint.model.demo import BrowserSdk

_VERSION: Final = "4.0.0-beta.12"
_BUILD: Final = Path("dist") / "browser.umd.js"
_CHECKOUT: Final = Path(__file__).parents[3] / "tests" / "browser"


def browser_sdk(named: Path | None) -> BrowserSdk:
    """The file that `named` is, or that a checkout of satmint has, or may have later.

    Args:
        named: What `--browser-sdk` says.

    Raises:
        Misuse: there is no such file.
    """
    if named is not None:
        if not named.is_file():
            raise Misuse(f"there is no file {named}")
        return BrowserSdk(named.absolute(), "")
    if (_CHECKOUT / "package-lock.json").is_file():
        file = _CHECKOUT / "node_modules" / "signalwire-js-4" / _BUILD
        return BrowserSdk(file, "npm ci --prefix tests/browser")
    # Looked for at every visit of the page, so that it need not be there yet.
    return BrowserSdk(
        Path.cwd() / "package" / _BUILD,
        f"npm pack @signalwire/js@{_VERSION} && tar xzf signalwire-js-{_VERSION}.tgz",
    )
