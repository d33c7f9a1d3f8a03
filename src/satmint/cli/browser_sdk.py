"""Finds the vendor's browser SDK, for the page `/try` of `satmint dev`."""

from pathlib import Path
from typing import Final

from satmint.cli.report import UsageError
from satmint.model.demo import BrowserSdk

_VERSION: Final = "4.0.0-beta.12"
_BUILD: Final = Path("dist") / "browser.umd.js"
_CHECKOUT: Final = Path(__file__).parents[3] / "tests" / "browser"


def browser_sdk(named: Path | None) -> BrowserSdk:
    """The file of the browser SDK: `named`, or the default location, where it may be missing.

    Args:
        named: The file given with `--browser-sdk`.

    Raises:
        UsageError: there is no such file.
    """
    if named is not None:
        if not named.is_file():
            raise UsageError(f"there is no file {named}")
        return BrowserSdk(named.absolute(), "")
    if (_CHECKOUT / "package-lock.json").is_file():
        file = _CHECKOUT / "node_modules" / "signalwire-js-4" / _BUILD
        return BrowserSdk(file, "npm ci --prefix tests/browser")
    # The page looks for the file at each request, so the file may be added later.
    return BrowserSdk(
        Path.cwd() / "package" / _BUILD,
        f"npm pack @signalwire/js@{_VERSION} && tar xzf signalwire-js-{_VERSION}.tgz",
    )
