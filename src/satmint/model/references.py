"""References and e-mail addresses of subscribers: which are accepted, and which are equal.

Two references are equal if their reference keys are. A reference key is the reference in
normalization form C (UAX #15); if it has the form of an e-mail address, also in lower case. The
case mapping is the one-to-one mapping of single characters, for three reasons:

- It never makes two characters of one. Full case folding turns `ß` into `ss`, but
  `straße.example` and `strasse.example` are two domains with two owners.
- It is the same for all languages: `I` is `i`. The Turkish `ı` and `İ` are letters of their own.
- It depends on no neighbours: `Σ`, `σ` and `ς` are one letter wherever they occur.

No other forms are equal: a host name and its punycode, `a.b` and `ab`, or `a+b` and `a` are
different references, because only the host of the mailbox knows whether they are one mailbox.
"""

import re
import unicodedata
from typing import Final

from satmint.model.naming import is_email

MAX_LENGTH: Final = 255
"""In characters, of a reference or an e-mail address."""

_FINAL_SIGMA, _SIGMA = "\u03c2", "\u03c3"

# Controls and separators of lines; all code points that Unicode ignores by default (UAX #44,
# `Default_Ignorable_Code_Point`), which contain the zero-width and the bidirectional characters;
# annotations; and surrogates, which are no characters.
_INVISIBLE: Final = (
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_FORBIDDEN: Final = re.compile(f"[{_INVISIBLE}]")


def reference_key(text: str) -> str:
    """The key of a reference or an e-mail address. Equal keys: the same subscriber.

    `reference_key(reference_key(text))` is `reference_key(text)`.
    """
    normal = unicodedata.normalize("NFC", text)
    if not is_email(normal):
        return normal
    if normal.isascii():
        return normal.lower()
    # Lower-case letters may have a composed form where the upper-case ones have none.
    return unicodedata.normalize("NFC", "".join(map(_lower, normal)))


def _lower(character: str) -> str:
    if character == _FINAL_SIGMA:
        return _SIGMA
    lower = character.lower()
    return lower if len(lower) == 1 else character


def is_email_reference(text: str) -> bool:
    """Whether a reference has the form of an e-mail address, whichever its normalization form."""
    return is_email(unicodedata.normalize("NFC", text))


def reference_error(text: str) -> str | None:
    """The error in a reference or an e-mail address, as the predicate of a message; None: none.

    The message names the character to remove by its code point.
    """
    if not text:
        return "must not be empty"
    if len(text) > MAX_LENGTH:
        return f"must be at most {MAX_LENGTH} characters long"
    if text != text.strip():
        return "must not begin or end with a blank: remove it"
    found = _FORBIDDEN.search(text)
    if found is not None:
        return (
            "must not contain control, zero-width or bidirectional characters:"
            f" remove U+{ord(found[0]):04X}"
        )
    return None
