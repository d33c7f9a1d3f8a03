"""Uses pages of a project as a person does, in a browser."""

import json

from tests.kit.chromium import Page
from tests.kit.polling import wait_until


class Hand:
    """Types into fields, checks boxes, presses buttons and links."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, path: str) -> None:
        assert self.page.open(f"{self.url}{path}") == 200

    @property
    def text(self) -> str:
        text: str = self.page.evaluate("document.querySelector('main').innerText")
        return text.replace("\u2068", "").replace("\u2069", "")

    def type(self, name: str, text: str) -> None:
        field = f"document.querySelector('main [name={name}]')"
        self.page.evaluate(f"{field}.value = {json.dumps(text)}; 0")

    def check(self, value: str) -> None:
        self.page.evaluate(f"document.querySelector('main [value=\"{value}\"]').click(); 0")

    def press(self, label: str) -> None:
        """Press the first button or link of the page's main part with this label."""
        self.page.follow(
            "[...document.querySelectorAll('main button, main a')]"
            f".find(one => one.textContent.trim() === {json.dumps(label)}).click()"
        )

    def reload_until(self, *texts: str) -> None:
        """Open the page again until it has these texts."""
        path = self.page.evaluate("location.href").removeprefix(self.url)

        def has_them() -> bool:
            self.open(path)
            return all(text in self.text for text in texts)

        wait_until(has_them)
