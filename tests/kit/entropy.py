"""Dice that fall the same way in every run. Never outside tests: a seed is no secret."""

from hashlib import sha256


class SeededEntropy:
    """See `satmint.model.entropy.Entropy`: SHA-256 of a seed and a counter."""

    def __init__(self, seed: str = "tests") -> None:
        self._seed = seed.encode()
        self._drawn = 0

    def take(self, count: int) -> bytes:
        """`count` bytes that nobody could call random."""
        blocks = bytearray()
        while len(blocks) < count:
            self._drawn += 1
            blocks += sha256(b"%b %d" % (self._seed, self._drawn)).digest()
        return bytes(blocks[:count])
