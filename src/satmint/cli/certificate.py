"""The certificate of a development server: made on the spot, kept, renewed before it ends."""

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
    # OpenSSL lets no wildcard stand right below a top-level name: those in use stand by themselves.
    "puc.localhost",
    "fabric.localhost",
    "127.0.0.1",
    "::1",
)

_LIFE: Final = timedelta(days=397)
_RENEWED_BEFORE: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM."""

    ca: Path
    """What a client has to trust."""
    chain: Path
    key: Path


def certificate_in(folder: Path, now: int) -> Certificate:
    """The certificate kept in `folder`; a new one where there is none or it ends soon.

    The key of the authority that signs it is never written: nobody can sign another with it.

    Args:
        folder: Exists already.
        now: Unix seconds.

    Raises:
        OSError: a file cannot be read or written.
    """
    files = Certificate(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    moment = datetime.fromtimestamp(now, UTC)
    if not _serves(files, moment):
        _make(files, moment)
    return files


def _serves(files: Certificate, moment: datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(files.chain.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    spelled = {str(name.value) for name in names}
    return (
        files.ca.exists()
        and files.key.exists()
        and spelled == set(NAMES)
        and found.not_valid_after_utc - moment > _RENEWED_BEFORE
    )


def _make(files: Certificate, moment: datetime) -> None:
    authority = trustme.CA(organization_name="satmint development")
    made = authority.issue_cert(*NAMES, not_after=moment + _LIFE)
    files.chain.unlink(missing_ok=True)
    _write(files.ca, authority.cert_pem.bytes(), 0o644)
    _write(files.key, made.private_key_pem.bytes(), 0o600)
    # The chain comes last: only a set of files that is whole is found again.
    _write(files.chain, b"".join(blob.bytes() for blob in made.cert_chain_pems), 0o644)


def _write(file: Path, content: bytes, mode: int) -> None:
    file.unlink(missing_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
