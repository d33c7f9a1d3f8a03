"""What the documentation site is made of: places, links and docstrings."""

import re
from pathlib import Path
from typing import Final

import pytest
from release.documentation.links import BrokenLink, Links
from release.documentation.navigation import BELOW, CHAPTERS, Misplaced, navigation
from release.documentation.places import documents, site_path
from release.documentation.sdk_reference import INDEX, MODULES, as_markup, sdk_pages
from release.documentation.staging import stage
from release.documentation.strict_pages import InlineCode, make_strict, strict_page

from tests.house.tree import ROOT, SDK

_LINK: Final = re.compile(r"\]\(([^)#\s]+)")


def a_repository(folder: Path, **texts: str) -> Path:
    """A repository with a README and documents; `docs__a` is `docs/a.md`."""
    for name, text in {"README": "# Start\n", **texts}.items():
        file = folder / f"{name.replace('__', '/')}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def test_every_document_has_one_place() -> None:
    known = [*documents(ROOT), *sdk_pages(ROOT)]
    found = navigation(known, CHAPTERS, BELOW)
    assert all(found.chapters[title] for title in CHAPTERS)


@pytest.mark.parametrize(
    "chapters",
    [
        {},
        {"Use": ("docs/a.md", "docs/gone.md")},
        {"Use": ("docs/a.md",), "Look up": ("docs/*",)},
    ],
    ids=["forgotten", "not there", "twice"],
)
def test_a_document_without_one_place_is_an_error(chapters: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Misplaced, match=r"navigation\.py.*: docs/(a|gone)\.md"):
        navigation(["README.md", "docs/a.md"], chapters, {})


def test_the_first_line_that_fits_places_a_page() -> None:
    known = ["README.md", "docs/a.md", "docs/b.md", "docs/c.md"]
    below = {"docs/b.md": ("docs/c.md", "docs/not-yet.md", "docs/*")}
    with pytest.raises(Misplaced):
        navigation(known, {"Use": ("docs/b.md", "docs/a.md")}, below)
    found = navigation(known, {"Use": ("docs/b.md",)}, below)
    assert found.below == {"docs/b.md": ["docs/c.md", "docs/a.md"]}


def test_the_index_of_documents_has_the_pages_of_the_sidebar() -> None:
    """For readers of the repository, who have no sidebar, nor the pages of the SDK's docstrings."""
    index = Links(ROOT, ROOT, "docs/README.md", frozenset())
    text = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = {index.path(link) for link in _LINK.findall(text) if ":" not in link}
    found = navigation([*documents(ROOT), *sdk_pages(ROOT)], CHAPTERS, BELOW)
    sidebar = {page for pages in found.chapters.values() for page in pages} - {INDEX}
    assert sidebar - linked == set()
    pages = {*documents(ROOT)}
    assert {link for link in linked if link.endswith(".md")} - pages == set()


def test_links_move_with_the_documents(tmp_path: Path) -> None:
    root = a_repository(tmp_path / "root", docs__guides__a="# A\n")
    (root / "deploy").mkdir()
    (root / "deploy" / "nginx.conf").touch()
    links = Links(root, tmp_path / "into", "docs/guides/a.md", {"README.md", "docs/guides/a.md"})
    text = (
        "[start](../../README.md#x) [conf](../../deploy/nginx.conf) [folder](../../deploy)\n"
        "[web](https://example.com/a.md)\n```sh\n[kept](../../README.md)\n```\n"
    )
    assert links.moved(text) == (
        "[start](../index.md#x) [conf](../source/deploy/nginx.conf) folder\n"
        "[web](https://example.com/a.md)\n```sh\n[kept](../../README.md)\n```\n"
    )
    assert (tmp_path / "into" / "source" / "deploy" / "nginx.conf").is_file()


@pytest.mark.parametrize("target", ["gone.md", "../gone.py", "../../outside.md"])
def test_a_link_to_nothing_is_an_error(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside.md").touch()
    root = a_repository(tmp_path / "root", docs__a=f"# A\n\n[broken]({target})\n")
    with pytest.raises(BrokenLink, match=r"docs/a\.md"):
        stage(root, tmp_path / "into", {}, {"Use": ("docs/a.md",)}, {})


def test_programs_are_linked_as_texts() -> None:
    assert site_path("tests/soak/rooms.py") == "source/tests/soak/rooms.py.txt"
    assert site_path("docs/guides/README.md") == "guides/index.md"


def test_all_modules_of_the_sdk_are_on_the_reference_pages() -> None:
    modules = {
        ".".join(("satmint_sdk", *file.relative_to(SDK).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        for pattern in ("*/__init__.py", "*/[!_]*.py")
        for file in SDK.glob(pattern)
    }
    # The classes of these are on the page of the package that exports them.
    errors = {name for name in modules if name.endswith(".errors")}
    assert modules - errors == {*MODULES}


def test_docstrings_are_read_as_they_are_written() -> None:
    docstring = [
        "Checks `token`.",
        "",
        "Example:",
        "    check(token)",
        "",
        "Raises:",
        "    Bad: is.",
    ]
    assert as_markup(docstring) == [
        *("Checks ``token``.", "", "", ".. code-block:: python", "", "    check(token)", ""),
        *("Raises:", "    Bad: is."),
    ]


def test_pages_have_no_script_and_no_style_of_their_own(tmp_path: Path) -> None:
    page = '<html data-content_root="../"><style>a</style><script>\nb</script><pre>c</pre>'
    assert strict_page(page) == (
        '<html data-content_root="../"><script src="../_static/theme.js"></script>'
        '<pre tabindex="0">c</pre>'
    )
    (tmp_path / "a.html").write_text('<p style="color: red">', encoding="utf-8")
    with pytest.raises(InlineCode, match=r"a\.html"):
        make_strict(tmp_path)


def test_long_names_may_break() -> None:
    name = '<span class="pre">worker_timeout_seconds</span> <span class="pre">--data</span>'
    assert strict_page(name).startswith('<span class="pre long">worker_<wbr>timeout_<wbr>seconds<')
    assert strict_page(name).endswith('<span class="pre">--data</span>')
