"""Write what Sphinx reads: the repository's documents, at their places on the site.

The documents stay files that a reader of the repository can follow without the site.
"""

import posixpath
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from release.documentation.links import Links
from release.documentation.navigation import BELOW, CHAPTERS, TITLES, Chapters, navigation
from release.documentation.places import START, documents, site_path


def stage(
    root: Path,
    into: Path,
    generated: Mapping[str, str],
    chapters: Chapters = CHAPTERS,
    below: Chapters = BELOW,
) -> None:
    """Write every document with what it links to, and with the lists of the sidebar.

    Args:
        root: The repository.
        into: A folder; what is in it is deleted.
        generated: The texts of pages that are no files, by the path that each would have.
        chapters: The sidebar.
        below: The pages below others.

    Raises:
        BrokenLink: A link leads to nothing.
        Misplaced: The navigation and the documents differ.
    """
    shutil.rmtree(into, ignore_errors=True)
    texts = {path: (root / path).read_text(encoding="utf-8") for path in documents(root)}
    texts.update(generated)
    places = navigation(texts, chapters, below)
    for path, text in texts.items():
        lists = places.chapters if path == START else {"": places.below.get(path, ())}
        moved = Links(root, into, path, texts.keys()).moved(text)
        moved += "".join(_toctree(path, title, pages) for title, pages in lists.items() if pages)
        file = into / site_path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(moved, encoding="utf-8")


def _toctree(path: str, title: str, pages: Iterable[str]) -> str:
    """A list that is shown in the sidebar alone."""
    here = posixpath.dirname(site_path(path)) or "."
    names = [_entry(page, here) for page in pages]
    caption = f":caption: {title}\n" if title else ""
    return "\n```{toctree}\n:hidden:\n" + caption + "\n" + "\n".join(names) + "\n```\n"


def _entry(page: str, here: str) -> str:
    name = posixpath.relpath(site_path(page), here).removesuffix(".md")
    return f"{TITLES[page]} <{name}>" if page in TITLES else name
