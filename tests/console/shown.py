"""What a page of the console shows, read from its HTML."""

import re
from html import unescape
from typing import Final

import httpx

_HEAD: Final = re.compile(r"^.*?<main\b[^>]*>(.*)</main>.*$", re.DOTALL)
_TAG: Final = re.compile(r"<[^>]*>")
_ERROR: Final = re.compile(r'<span class="error" id="h-(\w+)">(.*?)</span>', re.DOTALL)
_ISOLATES: Final = re.compile("[\u2068\u2069]")


def text_of(answer: httpx.Response) -> str:
    """The text of a page's main part, with single spaces and without isolates of directions."""
    plain = unescape(_TAG.sub(" ", _HEAD.sub(r"\1", answer.text)))
    return " ".join(_ISOLATES.sub("", plain).split())


def errors_of(answer: httpx.Response) -> dict[str, str]:
    """The errors beside the fields of a form, by field."""
    assert answer.status_code == 422, answer.text
    return {name: unescape(text) for name, text in _ERROR.findall(answer.text)}


def value_of(answer: httpx.Response, name: str) -> str:
    """The value of a text field of a form."""
    tag = re.search(rf'<input id="f-{name}"[^>]*>', answer.text)
    assert tag is not None, name
    found = re.search(r' value="([^"]*)"', tag.group())
    return "" if found is None else unescape(found.group(1))


def secret_of(answer: httpx.Response) -> str:
    """The secret that a page shows once."""
    found = re.search(r'<div class="secret"><code>([^<]+)</code>', answer.text)
    assert found is not None, answer.text
    return found.group(1)
