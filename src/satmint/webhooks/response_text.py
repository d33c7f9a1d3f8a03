"""The start of a response's body, as its webhook's owner may read it.

An endpoint may answer with anything, for example with its environment or with the request that it
got. Who reads the answer may do so in a terminal or on a page.
"""

import re
from base64 import b64encode
from typing import Final

from satmint.model.deliveries import RESPONSE_LIMIT

READ_BYTES: Final = 4 * RESPONSE_LIMIT
"""So many bytes are read: a secret that begins before the limit is then whole."""

_HIDDEN: Final = "[hidden]"
_SECRETS: Final = re.compile(
    r"whsec_[A-Za-z0-9+/=_-]*"
    r"|\bPT[0-9a-f]{8,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}[A-Za-z0-9_.-]*"
    r"|\b(?:basic|bearer|dpop)[ :=]+[A-Za-z0-9+/=_.~-]{8,}",
    re.IGNORECASE | re.ASCII,
)
"""Signing secrets, API tokens, JSON Web Tokens, and credentials in headers."""


def response_text(start: bytes, secret: bytes) -> str:
    """The start of a body as one line of at most `RESPONSE_LIMIT` printable characters.

    Args:
        start: Up to `READ_BYTES` of the body.
        secret: The secret of the webhook, which is hidden if the endpoint repeats it.
    """
    text = " ".join(start[:READ_BYTES].decode("utf-8", "replace").split())
    text = text.replace(b64encode(secret).decode("ascii"), _HIDDEN)
    text = _SECRETS.sub(_HIDDEN, text)
    return "".join(
        letter if letter.isprintable() and letter != "\ufffd" else "?"
        for letter in text[:RESPONSE_LIMIT]
    )
