"""Names in sentences: of limited length, and apart from the direction of the text around them."""

from typing import Final

_LENGTH: Final = 60
_ISOLATE: Final = "\N{FIRST STRONG ISOLATE}"
_END: Final = "\N{POP DIRECTIONAL ISOLATE}"


def quoted(name: str, length: int = _LENGTH) -> str:
    """A name within quotation marks, cut to `length` characters.

    Unicode Bidirectional Algorithm (UAX 9, section 2.4): a name that is written from right to left
    does not turn round the sentence.
    """
    shown = name if len(name) <= length else f"{name[: length - 1]}…"
    return f"“{_ISOLATE}{shown}{_END}”"
