"""Certificates of a test's own authority, in files as a server reads them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import trustme
from cryptography import x509

from satmint.server.certificates import ServerCertificate

ROOT_CA: Final = trustme.CA()
"""What a client trusts."""
_CA: Final = ROOT_CA.create_child_ca()


@dataclass(frozen=True)
class Pair:
    """A certificate chain and its private key, in PEM."""

    chain: bytes
    key: bytes

    @property
    def leaf(self) -> x509.Certificate:
        """The first certificate of the chain."""
        return x509.load_pem_x509_certificate(self.chain)


def issue(
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    key_type: trustme.KeyType = trustme.KeyType.ECDSA,
) -> Pair:
    """A certificate for this machine, signed by an intermediate authority."""
    made = _CA.issue_cert(
        *("localhost", "127.0.0.1"), not_before=not_before, not_after=not_after, key_type=key_type
    )
    chain = b"".join(found.bytes() for found in made.cert_chain_pems)
    return Pair(chain, made.private_key_pem.bytes())


@dataclass(frozen=True)
class Files:
    """Where a listener has its certificate and its key."""

    cert: Path
    key: Path

    def write(self, pair: Pair) -> None:
        """Write both files in place, the certificate first."""
        self.cert.write_bytes(pair.chain)
        self.key.write_bytes(pair.key)

    def read(self) -> ServerCertificate:
        """The certificate in the files."""
        return ServerCertificate(self.cert, self.key)


def issued_in(folder: Path) -> Files:
    """The files of a new certificate in `folder`."""
    files = Files(folder / "fullchain.pem", folder / "privkey.pem")
    files.write(issue())
    return files


def replace(file: Path, content: bytes) -> None:
    """Put `content` in the place of a file in one step, as careful programs do."""
    new = file.with_name(f"{file.name}.new")
    new.write_bytes(content)
    new.replace(file)
