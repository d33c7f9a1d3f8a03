"""Points of Ed25519 that can be public keys (RFC 8032, section 5.1.3).

Libraries load any 32 bytes. Among them are non-canonical encodings, and the eight points of small
order, for which a signature can be forged that is valid for every message, without a private key
(Chalkias, Garillot, Nikolaenko: Taming the Many EdDSAs).
"""

from typing import Final

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_SIGN: Final = 1 << 255

_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER: Final = frozenset((0, 1, _P - 1, _ORDER_8, _P - _ORDER_8))
"""The `y` of the points of order 4, 1, 2, 8 and 8."""


def is_valid_public_point(encoded: bytes) -> bool:
    """Whether 32 bytes are the canonical encoding of a curve point that is not of small order."""
    y = int.from_bytes(encoded, "little") & (_SIGN - 1)
    if y >= _P or y in _SMALL_ORDER:
        return False
    # x² = (y² - 1) / (d·y² + 1) has a root just where the product of the two is a square.
    squared = y * y % _P
    product = (squared - 1) * (_D * squared + 1) % _P
    return pow(product, (_P - 1) // 2, _P) == 1
