"""Bytes that are derived again instead of being stored."""

from satmint.jose import DerivedEntropy, derived_mac

MASTER, SALT = b"m" * 32, b"s" * 32


def test_the_same_inputs_give_the_same_bytes_and_others_give_others() -> None:
    first = DerivedEntropy(MASTER, SALT, "one").take(24)
    assert DerivedEntropy(MASTER, SALT, "one").take(24) == first
    others = (
        DerivedEntropy(b"n" * 32, SALT, "one"),
        DerivedEntropy(MASTER, b"t" * 32, "one"),
        DerivedEntropy(MASTER, SALT, "two"),
    )
    assert len({first, *(other.take(24) for other in others)}) == 4


def test_what_is_taken_later_is_independent() -> None:
    entropy = DerivedEntropy(MASTER, SALT, "one")
    assert len({entropy.take(32) for _ in range(8)}) == 8


def test_a_mac_covers_the_message_and_tells_nothing() -> None:
    mac = derived_mac(MASTER, SALT, "one", b"message")
    assert derived_mac(MASTER, SALT, "one", b"message") == mac
    assert derived_mac(MASTER, SALT, "one", b"massage") != mac
    assert "m" * 8 not in repr(DerivedEntropy(MASTER, SALT, "one"))
