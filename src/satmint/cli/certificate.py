"""The certificate of a development server: created when needed, renewed before it expires."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import trustme
from cryptography import x509

from satmint.private_file import real_path, replace_private_file

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
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    real_path(files.chain).unlink(missing_ok=True)
    replace_private_file(files.ca, authority.cert_pem.bytes(), mode=0o644)
    replace_private_file(files.key, issued.private_key_pem.bytes())
    # The chain is written last: `_is_usable` then accepts only a complete set of files.
    replace_private_file(files.chain, chain, mode=0o644)
