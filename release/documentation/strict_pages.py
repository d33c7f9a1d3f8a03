"""Make the pages that Sphinx wrote fit for a strict Content-Security-Policy and narrow screens.

A page has no script and no style of its own: a server can forbid both. What the theme writes into
each page is in the files `theme.js` and `site.css`. Long names get points where a line may break.
"""

import re
from pathlib import Path
from typing import Final

_INLINE_SCRIPT: Final = re.compile(r"<script>.*?</script>", re.DOTALL)
_INLINE_STYLE: Final = re.compile(r"<style>.*?</style>", re.DOTALL)
_ROOT: Final = re.compile(r'data-content_root="([^"]*)"')
_REPLACED: Final = {
    'style="display: none;"': 'class="symbols"',
    'style="display: none"': "hidden",
    'style="opacity: 50%"': 'opacity="0.5"',
    # What a screen reader and a keyboard need to know.
    'class="caption" role="heading"': 'class="caption" role="heading" aria-level="2"',
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}
_FORBIDDEN: Final = re.compile(
    r"<style|<script(?![^>]* src=)|<[a-z][^>]*\s(?:style|on[a-z]+)=|(?:src|href)=\"javascript:"
)
_LONG_NAME: Final = re.compile(r'<span class="pre">([^<\s]{16,})(?=</span>)')
_BREAK_POINT: Final = re.compile(r"(?<=[_/.,=])(?=[\w{<])")


class InlineCode(Exception):
    """A page has a script or a style of its own, which the policy of a server forbids."""


def make_strict(site: Path) -> None:
    """Rewrite all pages below the folder `site`.

    Raises:
        InlineCode: the theme has written something else than is known here.
    """
    for page in sorted(site.rglob("*.html")):
        text = strict_page(page.read_text(encoding="utf-8"))
        found = _FORBIDDEN.search(text)
        if found is not None:
            raise InlineCode(f"{page.relative_to(site)}: {found[0]}")
        page.write_text(text, encoding="utf-8")


def strict_page(text: str) -> str:
    """Return a page without inline scripts and styles, and with break points in long names."""
    root = _ROOT.search(text)
    script = f'<script src="{root[1] if root else ""}_static/theme.js"></script>'
    text = _INLINE_SCRIPT.sub(script, _INLINE_STYLE.sub("", text))
    for inline, attribute in _REPLACED.items():
        text = text.replace(inline, attribute)
    return _LONG_NAME.sub(_breakable, text)


def _breakable(name: re.Match[str]) -> str:
    return f'<span class="pre long">{_BREAK_POINT.sub("<wbr>", name[1])}'
