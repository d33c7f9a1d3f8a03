"""The pages of the site: whole, without another host, with every public name of the SDK."""

import ast
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tests.house.tree import ROOT, SDK, parsed, python_files

MOST_BYTES: Final = 8_000_000
"""Of all files; compressed, less than half of it."""
LOADED: Final = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src"}


class Found(HTMLParser):
    """The links, the loaded files and the anchors of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors.add(values.get("id") or "")
        if tag == "a" and values.get("href"):
            self.links.add(values["href"] or "")
        if tag in LOADED and values.get(LOADED[tag]):
            self.loaded.add(values[LOADED[tag]] or "")


def pages(site: Path) -> dict[Path, Found]:
    return {page: Found(page) for page in sorted(site.rglob("*.html"))}


def test_every_link_leads_to_a_page_and_to_its_heading(site: Path) -> None:
    found, broken = pages(site), []
    for page, content in found.items():
        for link in content.links | content.loaded:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            anchors = found[target].anchors if target in found else {unquote(parts.fragment)}
            if not target.is_file() or unquote(parts.fragment) not in anchors:
                broken.append(f"{page.relative_to(site)}: {link}")
    assert len(found) > 80
    assert broken == []


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    for page, content in pages(site).items():
        assert [name for name in content.loaded if urlsplit(name).netloc] == [], page
    for file in (*site.rglob("*.css"), *site.rglob("*.js")):
        text = file.read_text(encoding="utf-8")
        assert re.findall(r"@import|url\([\"']?(?:https?:)?//", text) == [], file


def test_the_site_has_what_is_served_and_nothing_else(site: Path) -> None:
    files = [file for file in site.rglob("*") if file.is_file()]
    assert not [file for file in files if file.suffix in (".py", ".map", ".pickle", ".doctree")]
    assert not (site / "_sources").exists()
    assert (site / "_static" / "licences.txt").read_text(encoding="utf-8").count("=" * 72) == 5
    assert sum(file.stat().st_size for file in files) < MOST_BYTES


def test_the_wheel_of_the_server_holds_no_file_twice(site: Path) -> None:
    """`check-wheel-contents` refuses it, so there would be no distribution."""
    packaged = (ROOT / "src" / "satmint").rglob("*")
    found: dict[bytes, list[str]] = {}
    for file in (*site.rglob("*"), *packaged):
        if file.is_file() and "__pycache__" not in file.parts and file.stat().st_size > 0:
            found.setdefault(file.read_bytes(), []).append(str(file.relative_to(ROOT)))
    assert [names for names in found.values() if len(names) > 1] == []


def test_the_distributions_are_built_with_the_site() -> None:
    """The commands of `make dist`; a wheel without the site would be as good for all checks."""
    planned = subprocess.run(
        ["make", "--dry-run", "--always-make", "dist"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "-m release.documentation.build build/site\n" in planned
    assert "-m release.build dist build/site\n" in planned


def test_every_public_name_of_the_sdk_is_described(site: Path) -> None:
    reference = (site / "reference" / "sdk").glob("*.html")
    described = {
        anchor.rpartition(".")[2]
        for page in reference
        for anchor in Found(page).anchors
        if anchor.startswith("satmint_sdk.")
    }
    public = public_names()
    assert len(public) > 100
    assert public - described == set()


def public_names() -> set[str]:
    """The names in `__all__` of all modules that users import."""
    names = set()
    for file in python_files(SDK):
        parts = file.relative_to(SDK).with_suffix("").parts
        if any(part.startswith("_") and part != "__init__" for part in parts):
            continue
        for statement in parsed(file).body:
            if isinstance(statement, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == "__all__"
                for target in statement.targets
            ):
                names |= set(ast.literal_eval(statement.value))
    return names - {"__version__"}
