"""What a text that is not a Click-to-Call token looks like, for an error that says what to do.

By its form alone, which is public: nothing is decrypted.
"""

import json
from typing import Final

from satmint.model.base64url import NotBase64Url, b64url_decode
from satmint.model.claims import TokenType
from satmint.model.secrets import is_api_token

_JWE_PARTS: Final = 5
_MAX_HEADER_CHARS: Final = 1024
_REMEDIES: Final = {
    TokenType.SAT: (
        "this is a SAT, such as an exchange returns. It needs no other exchange: pass it to the SDK"
        " or the widget as its token"
    ),
    TokenType.REFRESH: (
        "this is a refresh token, which only a backend may have. Keep it out of pages, and exchange"
        " the Click-to-Call token"
    ),
}
_OF_JWE: Final = "this is an encrypted token (JWE). Exchange the Click-to-Call token of the page"
_OF_PROJECT: Final = "this is an API token. Keep it out of pages, and delete it if one contained it"


def remedy_of(text: str) -> str | None:
    """What `text` is instead of a Click-to-Call token, and what to do. None: it is not known."""
    if is_api_token(text):
        return _OF_PROJECT
    if text.count(".") != _JWE_PARTS - 1:
        return None
    typ = _type_of(text)
    return _OF_JWE if typ is None else _REMEDIES[typ]


def _type_of(jwe: str) -> TokenType | None:
    """The `typ` of a protected header (RFC 7516, section 4.1.11); None: none of ours."""
    header = jwe.partition(".")[0]
    try:
        members = json.loads(b64url_decode(header[:_MAX_HEADER_CHARS]))
        return TokenType(members["typ"])
    except (NotBase64Url, ValueError, RecursionError, KeyError, TypeError):
        return None
