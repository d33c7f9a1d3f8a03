"""Base64url without padding (RFC 7515, section 2), in canonical form only."""

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from typing import Final

_URL: Final = b"-_"
_STANDARD: Final = b"+/"
_NEITHER: Final = b"!"

TO_URL: Final = bytes.maketrans(_STANDARD, _URL)
"""For `bytes.translate`, from the output of `b2a_base64`."""
# The other alphabet's special characters, and padding, must not be accepted.
TO_STANDARD: Final = bytes.maketrans(_URL + _STANDARD + b"=", _STANDARD + _NEITHER * 3)
"""For `bytes.translate`, to the input of `decode_standard`."""

# The last character of a segment whose length is 2 or 3 modulo 4 has 4 or 2 unused bits; they must
# be zero, or one value would have several encodings (RFC 4648, section 3.5).
_LAST_OF_TWO: Final = frozenset(b"AQgw")
_LAST_OF_THREE: Final = frozenset(b"AEIMQUYcgkosw048")


_PADDING: Final = (b"", b"", b"==", b"=")


class NotBase64Url(ValueError):
    """The text is not canonical base64url. The exception contains no part of it."""


def b64url(data: bytes) -> str:
    """Encode `data`."""
    return b2a_base64(data, newline=False).rstrip(b"=").translate(TO_URL).decode("ascii")


def b64url_decode(text: str) -> bytes:
    """Decode canonical base64url; empty text decodes to no bytes.

    Raises:
        NotBase64Url: another alphabet, padding, an impossible length or stray bits.
    """
    try:
        return decode_standard(text.encode("ascii").translate(TO_STANDARD))
    except UnicodeEncodeError as error:
        raise NotBase64Url from error


def decode_standard(segment: bytes) -> bytes:
    """Decode a segment that was translated by `TO_STANDARD`.

    Raises:
        NotBase64Url: see `b64url_decode`.
    """
    rest = len(segment) & 3
    if rest == 1 or (rest and segment[-1] not in (_LAST_OF_TWO if rest == 2 else _LAST_OF_THREE)):
        raise NotBase64Url
    try:
        return a2b_base64(segment + _PADDING[rest], strict_mode=True)
    except Base64Error as error:
        raise NotBase64Url from error
