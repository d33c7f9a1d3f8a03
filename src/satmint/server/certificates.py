"""The certificate of a TLS listener; it is reloaded when its files change.

A server runs longer than a certificate is valid. The program that renews the certificate replaces
the files while the server runs and need not notify it: the server checks the files every two
seconds. New connections get the renewed certificate; open connections keep theirs.
"""

import asyncio
import contextlib
import ssl
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import structlog
from cryptography import x509

CHECK_SECONDS: Final = 2.0
"""How long a changed file can go unnoticed. A renewal has to be served within five seconds."""

_MAX_FILE_BYTES: Final = 1 << 20
"""A path that names another file by mistake, such as a log, must not be read into memory."""
_READ_ATTEMPTS: Final = 3
_MISMATCH: Final = {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}
"""OpenSSL's reasons for a key that does not match, of the certificate's algorithm or another."""

FileStates = tuple[tuple[int, ...] | None, ...]
"""Identifies a state of the two files; None stands for a missing file."""


class UnusableCertificate(OSError):
    """Names the file, the problem and the remedy; never contains the key."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason, self.remedy = reason, remedy


@dataclass(frozen=True, slots=True)
class Stale:
    """Why the current files are not in use."""

    reason: str
    remedy: str
    states: FileStates
    """The files' state when they were read: distinguishes two failures with the same reason."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    context: ssl.SSLContext
    chain: bytes
    leaf: x509.Certificate


class ServerCertificate:
    """A certificate chain and its private key; `check` and `reload` may be called in any thread."""

    def __init__(self, cert: Path, key: Path) -> None:
        """Read the files.

        Args:
            cert: The certificate chain in PEM, that of the server first.
            key: The private key in PEM, without a passphrase.

        Raises:
            UnusableCertificate: the files cannot be used; an `OSError`.
        """
        self.cert, self.key = cert, key
        self._reloading = threading.Lock()
        self._stale: Stale | None = None
        self._states, read = self._read()
        if isinstance(read, UnusableCertificate):
            raise read
        self._loaded = read

    @property
    def context(self) -> ssl.SSLContext:
        """The context for new connections; a new object after each renewal."""
        return self._loaded.context

    @property
    def not_after(self) -> int:
        """When the certificate in use expires, in Unix seconds (RFC 5280, section 4.1.2.5)."""
        return int(self._loaded.leaf.not_valid_after_utc.timestamp())

    @property
    def leaf(self) -> x509.Certificate:
        """The server's certificate, without its chain."""
        return self._loaded.leaf

    @property
    def stale(self) -> Stale | None:
        """Why an earlier certificate is in use instead of the files'; None if the files' is."""
        return self._stale

    @property
    def stale_reason(self) -> str | None:
        """The reason of `stale`."""
        return None if self._stale is None else self._stale.reason

    def check(self) -> bool:
        """Reload the files if they have changed or could not be used last time.

        Files that cannot be used change only `stale`. Blocks as long as the file system does.

        Returns:
            Whether the files came into use: a new certificate, or the same one after a failure.
        """
        if self._stale is None and self._file_states() == self._states:
            return False
        return self.reload()

    def reload(self) -> bool:
        """Reload the files even if they have not changed; see `check`."""
        with self._reloading:
            self._states, read = self._read()
            if isinstance(read, UnusableCertificate):
                self._stale = Stale(read.reason, read.remedy, self._states)
                return False
            was_stale = self._stale is not None
            self._stale = None
            # One certificate has one key. The context stays, so that clients can resume sessions.
            if read.chain == self._loaded.chain:
                return was_stale
            self._loaded = read
            return True

    def _read(self) -> tuple[FileStates, _Loaded | UnusableCertificate]:
        """Read both files in one consistent state, which is returned with their content."""
        states = self._file_states()
        for _ in range(_READ_ATTEMPTS):
            read = _load(self.cert, self.key)
            before, states = states, self._file_states()
            if states == before:
                return states, read
        return states, UnusableCertificate(
            f"the certificate {self.cert} or the private key {self.key} changes while it is read",
            "replace each file in one step, by renaming the new one",
        )

    def _file_states(self) -> FileStates:
        return _state_of(self.cert), _state_of(self.key)


async def watch(
    certificates: Sequence[ServerCertificate],
    on_change: Callable[[ServerCertificate], None],
    reload_requested: asyncio.Event,
) -> None:
    """Reload changed files, until cancelled; each change is logged once.

    Args:
        certificates: Checked every `CHECK_SECONDS`, in a thread, because file access blocks.
        on_change: Called on the event loop with each reloaded certificate.
        reload_requested: Set it to reload all files now, changed or not, as SIGHUP does. It is
            cleared.
    """
    log = structlog.get_logger("satmint.tls")
    logged: dict[ServerCertificate, Stale | None] = {}
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CHECK_SECONDS):
                await reload_requested.wait()
        forced = reload_requested.is_set()
        reload_requested.clear()
        for certificate in certificates:
            read = certificate.reload if forced else certificate.check
            reloaded, stale = await asyncio.to_thread(read), certificate.stale
            if reloaded:
                log.info(
                    "certificate_reloaded",
                    cert=str(certificate.cert),
                    names=_names(certificate.leaf),
                    not_after=certificate.leaf.not_valid_after_utc.isoformat(),
                    serial=f"{certificate.leaf.serial_number:x}",
                )
                on_change(certificate)
            elif stale is not None and (forced or stale != logged.get(certificate)):
                log.error("certificate_not_reloaded", reason=stale.reason, remedy=stale.remedy)
            logged[certificate] = stale


def _state_of(file: Path) -> tuple[int, ...] | None:
    """Identify the file behind all links, because a renewal may switch any of them.

    The inode's change time reveals copies that keep the time and size of the original, and
    permissions that were removed.
    """
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _load(cert: Path, key: Path) -> _Loaded | UnusableCertificate:
    """Read the files; returns the error if they cannot be used."""
    try:
        chain = _read_file(cert, "certificate", _MAX_FILE_BYTES)
        # OpenSSL reads the key by itself, but does not say which file it could not open.
        _read_file(key, "private key", 0)
        # The certificate before the key, so that `_explain` knows which of them is wrong.
        leaf = _parse_leaf(cert, chain)
        return _Loaded(_make_context(cert, key), chain, leaf)
    except UnusableCertificate as error:
        return error


def _read_file(file: Path, what: str, size: int) -> bytes:
    try:
        status = file.stat()
        # Opening a pipe would block until another process writes to it.
        if stat.S_ISREG(status.st_mode) and status.st_size <= _MAX_FILE_BYTES:
            with file.open("rb") as stream:
                return stream.read(size)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        remedy = "create it, or permit the user of the server to read it"
        raise UnusableCertificate(f"the {what} {file} cannot be read: {reason}", remedy) from None
    reason = f"the {what} {file} is not a regular file of at most {_MAX_FILE_BYTES} bytes"
    raise UnusableCertificate(reason, "name a file in PEM format")


def _parse_leaf(cert: Path, chain: bytes) -> x509.Certificate:
    try:
        leaf = x509.load_pem_x509_certificate(chain)
        leaf.not_valid_after_utc.timestamp()
    except Exception:  # noqa: BLE001 - many classes; no file content may stop the server
        raise _incomplete_certificate(cert) from None
    return leaf


def _names(leaf: x509.Certificate) -> list[str]:
    """The host names and addresses of a certificate."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - likewise; the names are only logged
        return [leaf.subject.rfc4514_string()]
    addresses = found.get_values_for_type(x509.IPAddress)
    return [*found.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _make_context(cert: Path, key: Path) -> ssl.SSLContext:
    # `ssl.create_default_context` would write session keys to the file that SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key, _reject_passphrase)
    except OSError as error:
        raise _explain(error, cert, key) from None
    return context


class _PassphraseNeeded(OSError):
    pass


def _reject_passphrase() -> NoReturn:
    """Replaces OpenSSL's callback, which would read from the terminal and block."""
    raise _PassphraseNeeded


def _explain(error: OSError, cert: Path, key: Path) -> UnusableCertificate:
    """Derive the wrong file from the failure that OpenSSL reports."""
    if isinstance(error, _PassphraseNeeded):
        return UnusableCertificate(
            f"the private key {key} is encrypted with a passphrase",
            f"decrypt it with `openssl pkey -in {key} -out FILE` and set tls_key to FILE",
        )
    library, reason = getattr(error, "library", None), getattr(error, "reason", None)
    if reason in _MISMATCH:
        return UnusableCertificate(
            f"the private key {key} does not belong to the certificate {cert}",
            "install the certificate and the key of one renewal",
        )
    if library == "PEM":
        return _incomplete_certificate(cert)
    if library == "SSL" and reason is None:
        return UnusableCertificate(
            f"the private key {key} is not a complete private key in PEM format",
            "install the whole key, in PEM format and without a passphrase",
        )
    detail = str(reason or error.strerror).lower().replace("_", " ")
    return UnusableCertificate(
        f"the certificate {cert} and the private key {key} cannot be used: {detail}",
        "install a certificate and a key that OpenSSL accepts",
    )


def _incomplete_certificate(cert: Path) -> UnusableCertificate:
    return UnusableCertificate(
        f"the certificate {cert} is not a complete certificate chain in PEM format",
        "install the whole chain, in PEM format, with the certificate of the server first",
    )
