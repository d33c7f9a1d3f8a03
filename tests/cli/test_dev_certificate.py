"""The development certificate: made once, good for the names in use, renewed before it ends."""

import stat
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from satmint.cli.certificate import NAMES, Certificate, ensure_certificate

# A certificate's own times come from the machine's clock, so this file goes by it, too.
NOW = int(datetime.now(UTC).timestamp())  # noqa: TID251
DAY = 86_400


def contents(files: Certificate) -> list[bytes]:
    return [file.read_bytes() for file in (files.ca, files.chain, files.key)]


def leaf(files: Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files.chain.read_bytes())


def test_it_is_made_for_every_name_of_this_machine_and_signed_by_the_ca(tmp_path: Path) -> None:
    files = ensure_certificate(tmp_path, NOW)
    found = leaf(files)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {
        "localhost",
        "*.localhost",
        "puc.localhost",
        "fabric.localhost",
    }
    assert set(names.get_values_for_type(x509.IPAddress)) == {
        ip_address("127.0.0.1"),
        ip_address("::1"),
    }
    authority = x509.load_pem_x509_certificate(files.ca.read_bytes())
    found.verify_directly_issued_by(authority)
    key = load_pem_private_key(files.key.read_bytes(), None)
    assert key.public_key() == found.public_key()
    assert len(NAMES) == 6


def test_key_is_its_owners_alone_and_that_of_the_ca_is_nowhere(tmp_path: Path) -> None:
    files = ensure_certificate(tmp_path, NOW)
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert kept.count(b"PRIVATE KEY-----") == 2  # one key: its begin and its end
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "ca.pem",
        "server.key",
        "server.pem",
    ]


def test_it_is_kept_over_restarts(tmp_path: Path) -> None:
    before = contents(ensure_certificate(tmp_path, NOW))
    assert contents(ensure_certificate(tmp_path, NOW + 300 * DAY)) == before


def test_it_is_renewed_before_it_ends(tmp_path: Path) -> None:
    files = ensure_certificate(tmp_path, NOW)
    before = contents(files)
    later = NOW + 368 * DAY
    assert contents(ensure_certificate(tmp_path, later)) != before
    assert leaf(files).not_valid_after_utc.timestamp() > later + 300 * DAY


def test_what_is_spoiled_or_half_there_is_made_anew(tmp_path: Path) -> None:
    files = ensure_certificate(tmp_path, NOW)
    for file in (files.ca, files.chain, files.key):
        file.unlink()
        leaf(ensure_certificate(tmp_path, NOW)).verify_directly_issued_by(
            x509.load_pem_x509_certificate(files.ca.read_bytes())
        )
    files.chain.write_text("no certificate")
    leaf(ensure_certificate(tmp_path, NOW))
