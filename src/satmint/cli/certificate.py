"""The certificate of a development server: created when needed, renewed before it expires."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import trustme
from cryptography import x509

NAMES: Final = (
    "localhost",
    "*.localhost",
    # OpenSSL does not match a wildcard directly below a top-level domain, so the names that are
    # used are listed individually.
    "puc.localhost",
    "fabric.localhost",
    "127.0.0.1",
    "::1",
)

_VALIDITY: Final = timedelta(days=397)
_RENEWAL_MARGIN: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a certificate, in PEM format."""

    ca: Path
    """The certificate of the authority, which a client must trust."""
    chain: Path
    key: Path


def ensure_certificate(folder: Path, now: int) -> Certificate:
    """The certificate in `folder`. If it is missing or expires soon, create a new one.

    The private key of the authority is never written, so nobody can sign other certificates.

    Args:
        folder: A folder that exists.
        now: Unix seconds.

    Raises:
        OSError: a file cannot be read or written.
    """
    files = Certificate(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    now_utc = datetime.fromtimestamp(now, UTC)
    if not _is_usable(files, now_utc):
        _create(files, now_utc)
    return files


def _is_usable(files: Certificate, now_utc: datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(files.chain.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    found_names = {str(name.value) for name in names}
    return (
        files.ca.exists()
        and files.key.exists()
        and found_names == set(NAMES)
        and found.not_valid_after_utc - now_utc > _RENEWAL_MARGIN
    )


def _create(files: Certificate, now_utc: datetime) -> None:
    authority = trustme.CA(organization_name="satmint development")
    issued = authority.issue_cert(*NAMES, not_after=now_utc + _VALIDITY)
    files.chain.unlink(missing_ok=True)
    _write(files.ca, authority.cert_pem.bytes(), 0o644)
    _write(files.key, issued.private_key_pem.bytes(), 0o600)
    # The chain is written last: `_is_usable` then accepts only a complete set of files.
    _write(files.chain, b"".join(blob.bytes() for blob in issued.cert_chain_pems), 0o644)


def _write(file: Path, content: bytes, mode: int) -> None:
    file.unlink(missing_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
