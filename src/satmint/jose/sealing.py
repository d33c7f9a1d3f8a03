"""Sealing claims into tokens and opening them again, with working keys derived on the way.

AES-GCM with random IVs may run at most 2^32 times under one key (NIST SP 800-38D, section 8.3): a
busy server spends that in a day. So no master key encrypts a token. A `Sealer` draws a 128-bit
salt, derives a working key per token type with HKDF-SHA256 (RFC 5869) and names both in `kid`;
it draws a new salt long before the bound. An `Opener` derives the key again from the `kid`.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from satmint.jose._rfc7516 import (
    IV_BYTES,
    Header,
    Malformed,
    join,
    read_header,
    split,
)
from satmint.jose.keyring import KEY_BYTES, Keyring
from satmint.model.base64url import NotBase64Url, b64url, b64url_decode
from satmint.model.claims import Claims, TokenType, decode_claims, encode_claims
from satmint.model.entropy import Entropy

SALT_BYTES: Final = 16
SALT_LIFETIME_SECONDS: Final = 3600
SALT_USES: Final = 1 << 24

_CACHED_KEYS: Final = 4096
_IVS_DRAWN_AT_ONCE: Final = 256


class CannotOpen(Exception):
    """The text is no token of ours. One and the same for every reason why it is not."""

    def __init__(self) -> None:
        super().__init__("not a token of this deployment")


def derive_working_key(master: bytes, salt: bytes, typ: TokenType) -> AESGCM:
    """The AES-256-GCM key for one salt and one token type (RFC 5869)."""
    info = b"satmint/v1/" + typ.value.encode()
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, info).derive(master))


def derive_mac_key(master: bytes, purpose: str) -> bytes:
    """A key of 256 bits that is good for one purpose, and tells nothing of any other (RFC 5869)."""
    info = b"satmint/v1/mac/" + purpose.encode()
    return HKDF(SHA256(), KEY_BYTES, None, info).derive(master)


@dataclass(slots=True)
class _WorkingKey:
    kid: str
    keys: dict[TokenType, AESGCM]
    headers: dict[tuple[TokenType, str | None], bytes]
    """Header segment, which is the AAD, for each type and cluster host, encoded once."""
    retire_at: int
    uses_left: int


class Sealer:
    """Makes tokens. Not for use from several threads at once."""

    def __init__(self, keyring: Keyring, entropy: Entropy) -> None:
        self._keyring = keyring
        self._entropy = entropy
        self._working: _WorkingKey | None = None
        self._ivs: list[bytes] = []

    def seal(self, claims: Claims, typ: TokenType, ch: str | None, now: int) -> str:
        """A token that says `claims`.

        Args:
            claims: What it says.
            typ: Which of the two token types it is.
            ch: Cluster host for its header, or None.
            now: Unix seconds, to tell when a new salt is due.
        """
        working = self._working
        if working is None or working.uses_left == 0 or now >= working.retire_at:
            self._working = working = self._new_working_key(now)
        working.uses_left -= 1
        aad = working.headers.get((typ, ch)) or self._new_header(working, typ, ch)
        iv = self._ivs.pop() if self._ivs else self._fresh_iv()
        return join(aad, iv, working.keys[typ].encrypt(iv, encode_claims(claims), aad))

    @property
    def uses(self) -> int:
        """How many tokens the working key has made so far."""
        return 0 if self._working is None else SALT_USES - self._working.uses_left

    def _new_working_key(self, now: int) -> _WorkingKey:
        master = self._keyring.active
        salt = self._entropy.take(SALT_BYTES)
        return _WorkingKey(
            kid=f"{master.id}.{b64url(salt)}",
            keys={typ: derive_working_key(master.secret, salt, typ) for typ in TokenType},
            headers={},
            retire_at=now + SALT_LIFETIME_SECONDS,
            uses_left=SALT_USES,
        )

    def _new_header(self, working: _WorkingKey, typ: TokenType, ch: str | None) -> bytes:
        aad = Header(typ, working.kid, ch).encode()
        working.headers[typ, ch] = aad
        return aad

    def _fresh_iv(self) -> bytes:
        """A random IV. Drawn many at a time: a system call for each costs as much as sealing."""
        block = self._entropy.take(IV_BYTES * _IVS_DRAWN_AT_ONCE)
        self._ivs = [block[at : at + IV_BYTES] for at in range(0, len(block), IV_BYTES)]
        return self._ivs.pop()


@dataclass(frozen=True, slots=True)
class _Reader:
    header: Header
    key: AESGCM


class Opened(NamedTuple):
    """A token of ours, verified."""

    claims: Claims
    ch: str | None
    """The cluster host in its header."""


class Opener:
    """Opens tokens. Work and memory are bounded whatever is presented."""

    def __init__(self, keyring: Keyring, entropy: Entropy) -> None:
        self._masters = {key.id: key.secret for key in keyring.keys}
        # An unknown key id is tried with a key that made nothing, so that it fails like a bad tag,
        # in the same time.
        self._decoy = entropy.take(KEY_BYTES)
        self._readers: OrderedDict[bytes, _Reader] = OrderedDict()

    def open(self, token: str, typ: TokenType) -> Opened:
        """Open a token of ours, of type `typ`.

        Not checked here: expiry, project, and whether its session still stands.

        Raises:
            CannotOpen: anything else, whatever is wrong with it.
        """
        try:
            segments = split(token)
            reader = self._readers.get(segments.header) or self._new_reader(segments.header)
            if reader.header.typ is not typ:
                raise CannotOpen
            plaintext = reader.key.decrypt(segments.iv, segments.sealed, segments.header)
        except (Malformed, NotBase64Url, InvalidTag) as error:
            raise CannotOpen from error
        claims = decode_claims(plaintext)
        if claims is None:
            raise CannotOpen
        self._remember(segments.header, reader)
        return Opened(claims, reader.header.ch)

    def _new_reader(self, segment: bytes) -> _Reader:
        header = read_header(segment)
        master_id, _, salt = header.kid.partition(".")
        master = self._masters.get(master_id, self._decoy)
        key = derive_working_key(master, b64url_decode(salt), header.typ)
        return _Reader(header, key)

    def _remember(self, segment: bytes, reader: _Reader) -> None:
        """Keep a derived key, but only of a token whose tag has verified.

        Otherwise anybody could flush the cache with invented key ids.
        """
        if segment not in self._readers:
            self._readers[segment] = reader
            if len(self._readers) > _CACHED_KEYS:
                self._readers.popitem(last=False)


class Safe:
    """A keyring in use: seals with its active key and opens with all of them."""

    def __init__(self, keyring: Keyring, entropy: Entropy) -> None:
        self._entropy = entropy
        self.reload(keyring)

    def reload(self, keyring: Keyring) -> None:
        """Use another state of the keyring from now on, without a restart."""
        self.keyring = keyring
        self._sealer = Sealer(keyring, self._entropy)
        self._opener = Opener(keyring, self._entropy)

    @property
    def uses(self) -> int:
        """How many tokens the working key of the moment has made."""
        return self._sealer.uses

    def seal(self, claims: Claims, typ: TokenType, ch: str | None, now: int) -> str:
        """See `Sealer.seal`."""
        return self._sealer.seal(claims, typ, ch, now)

    def open(self, token: str, typ: TokenType) -> Opened:
        """See `Opener.open`.

        Raises:
            CannotOpen: it is no token of ours of that type.
        """
        return self._opener.open(token, typ)
