"""Encrypts claims to tokens and decrypts tokens, with derived working keys.

AES-GCM with random IVs may be used at most 2^32 times with one key (NIST SP 800-38D, section 8.3),
which a busy server reaches in a day. So no master key encrypts a token. A `TokenSealer` draws a
128-bit salt, derives a working key for each token type with HKDF-SHA256 (RFC 5869) and puts key id
and salt into `kid`; it draws a new salt long before the bound. A `TokenOpener` derives the working
key again from the `kid`.
"""

from collections import OrderedDict
from collections.abc import Callable
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
_IV_BATCH_SIZE: Final = 256


class CannotOpen(Exception):
    """The text is not a token of this deployment. The same exception for every reason."""

    def __init__(self) -> None:
        super().__init__("not a token of this deployment")


def derive_working_key(master: bytes, salt: bytes, typ: TokenType) -> AESGCM:
    """The AES-256-GCM key for one salt and one token type (RFC 5869)."""
    info = b"satmint/v1/" + typ.value.encode()
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, info).derive(master))


def derive_mac_key(master: bytes, purpose: str) -> bytes:
    """A 256-bit key for one purpose, independent of keys for other purposes (RFC 5869)."""
    info = b"satmint/v1/mac/" + purpose.encode()
    return HKDF(SHA256(), KEY_BYTES, None, info).derive(master)


@dataclass(slots=True)
class _WorkingKey:
    kid: str
    keys: dict[TokenType, AESGCM]
    headers: dict[tuple[TokenType, str | None], bytes]
    """Encoded header segment (the AAD) by token type and cluster host."""
    retire_at: int
    uses_left: int


class TokenSealer:
    """Encrypts tokens. Not thread-safe."""

    def __init__(self, keyring: Keyring, entropy: Entropy) -> None:
        self._keyring = keyring
        self._entropy = entropy
        self._working: _WorkingKey | None = None
        self._ivs: list[bytes] = []

    def seal(self, claims: Claims, typ: TokenType, ch: str | None, now: int) -> str:
        """Encrypt claims to a token.

        Args:
            claims: The claims.
            typ: The token type.
            ch: Cluster host for its header, or None.
            now: Unix seconds, to decide when a new salt is due.
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
        """How many tokens the working key has encrypted."""
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
        """A random IV. IVs are drawn in batches: one system call costs as much as an encryption."""
        block = self._entropy.take(IV_BYTES * _IV_BATCH_SIZE)
        self._ivs = [block[at : at + IV_BYTES] for at in range(0, len(block), IV_BYTES)]
        return self._ivs.pop()


@dataclass(frozen=True, slots=True)
class _HeaderKey:
    header: Header
    key: AESGCM


class OpenedToken(NamedTuple):
    """A decrypted and verified token."""

    claims: Claims
    ch: str | None
    """The cluster host in the header."""


class TokenOpener:
    """Decrypts tokens. Work and memory are bounded for any input."""

    def __init__(
        self,
        keyring: Keyring,
        entropy: Entropy,
        on_unknown_key: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare.

        Args:
            keyring: The keys.
            entropy: For a key that opens nothing.
            on_unknown_key: Called with each token that names a key which the keyring lacks.
        """
        self._on_unknown_key = on_unknown_key
        self._masters = {key.id: key.secret for key in keyring.keys}
        # An unknown key id is tried with an unused key, so that it fails like an invalid tag, in
        # the same time.
        self._decoy = entropy.take(KEY_BYTES)
        self._verified_keys: OrderedDict[bytes, _HeaderKey] = OrderedDict()

    def open(self, token: str, typ: TokenType) -> OpenedToken:
        """Decrypt a token of type `typ`.

        Not checked here: expiry, project, and whether its session is active.

        Raises:
            CannotOpen: it is not a token of this deployment and type, for any reason.
        """
        try:
            segments = split(token)
            header_key = self._verified_keys.get(segments.header) or self._derive_key(
                segments.header
            )
            if header_key.header.typ is not typ:
                raise CannotOpen
            plaintext = header_key.key.decrypt(segments.iv, segments.sealed, segments.header)
        except (Malformed, NotBase64Url, InvalidTag) as error:
            raise CannotOpen from error
        claims = decode_claims(plaintext)
        if claims is None:
            raise CannotOpen
        self._cache(segments.header, header_key)
        return OpenedToken(claims, header_key.header.ch)

    def _derive_key(self, segment: bytes) -> _HeaderKey:
        header = read_header(segment)
        master_id, _, salt = header.kid.partition(".")
        if master_id not in self._masters:
            self._on_unknown_key()
        master = self._masters.get(master_id, self._decoy)
        key = derive_working_key(master, b64url_decode(salt), header.typ)
        return _HeaderKey(header, key)

    def _cache(self, segment: bytes, header_key: _HeaderKey) -> None:
        """Cache a derived key, but only of a token whose tag is verified.

        Otherwise anybody could flush the cache with invented key ids.
        """
        if segment not in self._verified_keys:
            self._verified_keys[segment] = header_key
            if len(self._verified_keys) > _CACHED_KEYS:
                self._verified_keys.popitem(last=False)


class TokenCipher:
    """Encrypts tokens with the keyring's active key; decrypts with all of its keys."""

    def __init__(self, keyring: Keyring, entropy: Entropy) -> None:
        self._entropy = entropy
        self.unknown_keys = 0
        """How many presented tokens named a key that the keyring lacks."""
        self.reload(keyring)

    def reload(self, keyring: Keyring) -> None:
        """Use a changed keyring from now on, without a restart."""
        self.keyring = keyring
        self._sealer = TokenSealer(keyring, self._entropy)
        self._opener = TokenOpener(keyring, self._entropy, self._count_unknown_key)

    def _count_unknown_key(self) -> None:
        self.unknown_keys += 1

    @property
    def uses(self) -> int:
        """How many tokens the current working key has encrypted."""
        return self._sealer.uses

    def seal(self, claims: Claims, typ: TokenType, ch: str | None, now: int) -> str:
        """See `TokenSealer.seal`."""
        return self._sealer.seal(claims, typ, ch, now)

    def open(self, token: str, typ: TokenType) -> OpenedToken:
        """See `TokenOpener.open`.

        Raises:
            CannotOpen: it is not a token of this deployment and type.
        """
        return self._opener.open(token, typ)
