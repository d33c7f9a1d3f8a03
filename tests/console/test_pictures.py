"""The pictures of docs/console.md are those of the pages as they are now."""

import json
from struct import unpack
from typing import Final

import pytest

from tests.console.pictures import FOLDER, NOTE, PICTURES, ROOT, Picture, fingerprint

PAGE: Final = (ROOT / "docs" / "console.md").read_text(encoding="utf-8")
OLD: Final = "the page, its parts or the style have changed since: run `make pictures`"


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_picture_is_shown_and_is_of_the_present_page(picture: Picture) -> None:
    content = (FOLDER / f"{picture.name}.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert unpack(">II", content[16:24]) == (picture.width, picture.height)
    assert f"(images/{picture.name}.png)" in PAGE
    assert json.loads(NOTE.read_text())[picture.name] == fingerprint(picture), OLD
