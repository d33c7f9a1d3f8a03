"""Where the links of a document lead on the site."""

import posixpath
import re
import shutil
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release.documentation.places import site_path

_FENCED: Final = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+)[^\n]*\n.*?^[ \t]*(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL
)
_LINK: Final = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<to>[^()\s]+)\)")
_TARGET: Final = re.compile(r"(?<=\])\((?P<to>[^()\s]+)\)")
_ELSEWHERE: Final = re.compile(r"[a-z]+:|/|#")


class BrokenLink(Exception):
    """A link of a document leads to nothing; the message says where it stands."""


@dataclass(frozen=True, slots=True)
class Links:
    """Moves the links of one document along with the documents, to their places on the site."""

    root: Path
    """The repository."""
    into: Path
    """Where linked files that are no documents are copied to."""
    document: str
    """The path of the document in the repository."""
    pages: AbstractSet[str]
    """The paths of all documents of the site."""

    def moved(self, text: str) -> str:
        """Return the text with other links. What is fenced stays as it is.

        A link to a folder is replaced by its text: the site has no page for it.

        Raises:
            BrokenLink: there is no such file.
        """
        parts, end = [], 0
        for fenced in _FENCED.finditer(text):
            parts += [self._outside(text[end : fenced.start()]), fenced[0]]
            end = fenced.end()
        return "".join((*parts, self._outside(text[end:])))

    def _outside(self, text: str) -> str:
        return _TARGET.sub(self._target, _LINK.sub(self._without_folder, text))

    def _without_folder(self, link: re.Match[str]) -> str:
        target = link["to"]
        is_folder = not _ELSEWHERE.match(target) and (self.root / self.path(target)).is_dir()
        return link["text"] if is_folder else link[0]

    def _target(self, link: re.Match[str]) -> str:
        target, mark, anchor = link["to"].partition("#")
        if _ELSEWHERE.match(link["to"]):
            return link[0]
        path = self.path(target)
        place = site_path(path)
        if path not in self.pages:
            self._copy(path, place)
        here = posixpath.dirname(site_path(self.document))
        return f"({posixpath.relpath(place, here or '.')}{mark}{anchor})"

    def path(self, target: str) -> str:
        """The path in the repository of what a link names."""
        return posixpath.normpath(
            posixpath.join(posixpath.dirname(self.document), target.partition("#")[0])
        )

    def _copy(self, path: str, place: str) -> None:
        source = self.root / path
        if path.endswith(".md") and place == "index.md":
            return
        if path.startswith("../") or not source.is_file():
            raise BrokenLink(f"{self.document}: there is no {path}")
        (self.into / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, self.into / place)
