"""The certificate of a listener as a value: read, renewed in every way in use, and never lost."""

import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from satmint.server import certificates
from satmint.server.certificates import UnusableCertificate
from tests.kit.certificates import ROOT_CA, Files, Pair, issue, issued_in

NOT_AFTER: Final = datetime(2037, 5, 6, 7, 8, 9, tzinfo=UTC)
PATIENCE_SECONDS: Final = 20.0


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return issued_in(tmp_path)


def test_files_are_read_at_once(files: Files) -> None:
    pair = issue(not_after=NOT_AFTER)
    files.write(pair)
    certificate = files.read()
    assert certificate.leaf == pair.leaf
    assert certificate.not_after == int(NOT_AFTER.timestamp())
    assert certificate.stale is None
    assert certificate.stale_reason is None
    assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> str | None:
    """The version of TLS that a client and a server agree on, without a network."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (theirs, ours):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ours.version()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_1_is_refused(files: Files) -> None:
    certificate = files.read()
    client = ssl.create_default_context()
    ROOT_CA.configure_trust(client)
    client.set_ciphers("DEFAULT:@SECLEVEL=0")
    client.minimum_version = ssl.TLSVersion.TLSv1
    client.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError) as caught:
        shake_hands(client, certificate.context)
    assert caught.value.reason == "UNSUPPORTED_PROTOCOL"
    # Such a client exists: a server that is less strict agrees with it.
    lax = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    lax.set_ciphers("DEFAULT:@SECLEVEL=0")
    lax.minimum_version = ssl.TLSVersion.TLSv1
    lax.load_cert_chain(files.cert, files.key)
    assert shake_hands(client, lax) == "TLSv1.1"
    client.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    assert shake_hands(client, certificate.context) == "TLSv1.3"


def test_session_keys_are_written_nowhere(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "session-keys"))
    assert files.read().context.keylog_filename is None


@pytest.mark.parametrize(
    ("days", "until_days"), [(-400, -30), (100, 400)], ids=["expired", "not yet valid"]
)
def test_operator_decides_whether_to_serve_a_certificate_out_of_date(
    files: Files, days: int, until_days: int
) -> None:
    today = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - OpenSSL goes by it, too
    end = today + timedelta(days=until_days)
    files.write(issue(not_before=today + timedelta(days=days), not_after=end))
    certificate = files.read()
    assert certificate.stale is None
    assert certificate.not_after == int(end.timestamp())


def test_unchanged_files_are_not_read_again(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = files.read()
    context = certificate.context
    with monkeypatch.context() as patched:
        patched.setattr(certificates, "_load", pytest.fail)
        assert not certificate.check()
    assert not certificate.reload()
    files.cert.touch()
    assert not certificate.check()
    assert certificate.context is context, "a client could not resume its session"


def test_renewed_files_are_taken_into_use(files: Files) -> None:
    certificate = files.read()
    context, renewed = certificate.context, issue(not_after=NOT_AFTER)
    files.write(renewed)
    assert certificate.check()
    assert certificate.leaf == renewed.leaf
    assert certificate.not_after == int(NOT_AFTER.timestamp())
    assert certificate.context is not context
    assert not certificate.check()


def test_copy_with_the_time_and_size_of_the_former_file_is_a_change(files: Files) -> None:
    first, renewed = issue(), issue()
    while (len(renewed.chain), len(renewed.key)) != (len(first.chain), len(first.key)):
        renewed = issue()
    files.write(first)
    certificate = files.read()
    before = {file: file.stat() for file in (files.cert, files.key)}
    files.write(renewed)
    for file, former in before.items():
        os.utime(file, ns=(former.st_atime_ns, former.st_mtime_ns))
        assert file.stat().st_mtime_ns == former.st_mtime_ns
        assert file.stat().st_size == former.st_size
    assert certificate.check()
    assert certificate.leaf == renewed.leaf


def test_certbot_switches_a_link_for_each_file(tmp_path: Path) -> None:
    live, archive = tmp_path / "live", tmp_path / "archive"
    live.mkdir()
    archive.mkdir()
    files, pairs = Files(live / "fullchain.pem", live / "privkey.pem"), [issue(), issue()]
    for number, pair in enumerate(pairs):
        Files(archive / f"fullchain{number}.pem", archive / f"privkey{number}.pem").write(pair)
    files.cert.symlink_to("../archive/fullchain0.pem")
    files.key.symlink_to("../archive/privkey0.pem")
    certificate = files.read()
    files.key.unlink()
    assert not certificate.check()
    files.key.symlink_to("../archive/privkey1.pem")
    assert not certificate.check()
    assert certificate.leaf == pairs[0].leaf
    files.cert.unlink()
    files.cert.symlink_to("../archive/fullchain1.pem")
    assert certificate.check()
    assert certificate.leaf == pairs[1].leaf
    assert certificate.stale is None


def test_kubernetes_switches_one_link_for_both(tmp_path: Path) -> None:
    pairs = [issue(), issue()]
    for number, pair in enumerate(pairs):
        version = tmp_path / f"..version{number}"
        version.mkdir()
        Files(version / "tls.crt", version / "tls.key").write(pair)
    (tmp_path / "..data").symlink_to("..version0")
    files = Files(tmp_path / "tls.crt", tmp_path / "tls.key")
    files.cert.symlink_to("..data/tls.crt")
    files.key.symlink_to("..data/tls.key")
    certificate = files.read()
    (tmp_path / "..data_tmp").symlink_to("..version1")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    shutil.rmtree(tmp_path / "..version0")
    assert certificate.check()
    assert certificate.leaf == pairs[1].leaf
    assert certificate.stale is None


@pytest.mark.parametrize("kind", [trustme.KeyType.ECDSA, trustme.KeyType.RSA])
def test_certificate_renewed_before_its_key_is_used_with_it(
    files: Files, kind: trustme.KeyType
) -> None:
    certificate = files.read()
    former, context, renewed = certificate.leaf, certificate.context, issue(key_type=kind)
    files.cert.write_bytes(renewed.chain)
    for _ in range(3):
        assert not certificate.check()
    assert (
        certificate.stale_reason
        == f"the private key {files.key} does not belong to the certificate {files.cert}"
    )
    assert certificate.leaf == former
    assert certificate.context is context
    files.key.write_bytes(renewed.key)
    assert certificate.check()
    assert certificate.stale is None
    assert certificate.leaf == renewed.leaf


def half_of_the_leaf(pair: Pair) -> tuple[bytes, bytes]:
    return pair.chain[:400], pair.key


def half_of_what_signed_it(pair: Pair) -> tuple[bytes, bytes]:
    return pair.chain[: pair.chain.rindex(b"-----BEGIN") + 200], pair.key


def garbled_chain(pair: Pair) -> tuple[bytes, bytes]:
    at = pair.chain.index(b"\n") + 1
    return pair.chain[:at] + b"AAAA" + pair.chain[at + 4 :], pair.key


def half_of_the_key(pair: Pair) -> tuple[bytes, bytes]:
    return pair.chain, pair.key[: len(pair.key) // 2]


def no_key_yet(pair: Pair) -> tuple[bytes, bytes]:
    return pair.chain, b""


def certificate_twice(pair: Pair) -> tuple[bytes, bytes]:
    return pair.chain, pair.chain


@pytest.mark.parametrize(
    ("damage", "damaged"),
    [
        (half_of_the_leaf, "cert"),
        (half_of_what_signed_it, "cert"),
        (garbled_chain, "cert"),
        (half_of_the_key, "key"),
        (no_key_yet, "key"),
        (certificate_twice, "key"),
    ],
)
def test_half_written_file_is_used_once_it_is_whole(
    files: Files, damage: Callable[[Pair], tuple[bytes, bytes]], damaged: str
) -> None:
    certificate, renewed = files.read(), issue()
    former, context = certificate.leaf, certificate.context
    files.write(Pair(*damage(renewed)))
    assert not certificate.check()
    assert certificate.stale_reason is not None
    named, other = (files.cert, files.key) if damaged == "cert" else (files.key, files.cert)
    assert f"{named} is not a complete" in certificate.stale_reason
    assert str(other) not in certificate.stale_reason
    assert certificate.leaf == former
    assert certificate.context is context
    files.write(renewed)
    assert certificate.check()
    assert certificate.stale is None
    assert certificate.leaf == renewed.leaf


@pytest.mark.parametrize("name", ["cert", "key"])
def test_missing_file_that_comes_back_is_told_of(files: Files, name: str) -> None:
    certificate, file = files.read(), getattr(files, name)
    context, content = certificate.context, file.read_bytes()
    file.unlink()
    assert not certificate.check()
    assert certificate.stale_reason is not None
    assert f"{file} cannot be read: no such file or directory" in certificate.stale_reason
    file.write_bytes(content)
    assert certificate.check()
    assert certificate.stale is None
    assert certificate.context is context
    assert not certificate.check()


def test_what_is_no_file_is_not_opened(files: Files, tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large"
    os.mkfifo(pipe)
    with large.open("wb") as stream:
        stream.truncate(1 << 30)
    for other in (pipe, large, tmp_path):
        for pair in (Files(other, files.key), Files(files.cert, other)):
            with pytest.raises(UnusableCertificate, match="is not a regular file") as caught:
                pair.read()
            assert str(other) in caught.value.reason


def test_pair_that_openssl_refuses_is_named_with_its_reason(files: Files) -> None:
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    leaf = (
        x509.CertificateBuilder(name, name, key.public_key(), 7)
        .not_valid_before(NOT_AFTER - timedelta(days=1))
        .not_valid_after(NOT_AFTER)
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files.write(Pair(leaf.public_bytes(serialization.Encoding.PEM), text))
    with pytest.raises(UnusableCertificate) as caught:
        files.read()
    assert caught.value.reason == (
        f"the certificate {files.cert} and the private key {files.key} cannot be used:"
        " ee key too small"
    )
    assert isinstance(caught.value, OSError)


def encrypted(pair: Pair, form: serialization.PrivateFormat) -> bytes:
    return serialization.load_pem_private_key(pair.key, None).private_bytes(
        serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"passphrase")
    )


@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_encrypted_key_is_refused(files: Files, form: serialization.PrivateFormat) -> None:
    certificate, renewed = files.read(), issue()
    former = certificate.leaf
    files.write(Pair(renewed.chain, encrypted(renewed, form)))
    assert not certificate.check()
    assert certificate.stale is not None
    reason = f"the private key {files.key} is encrypted with a passphrase"
    assert certificate.stale.reason == reason
    assert f"openssl pkey -in {files.key} " in certificate.stale.remedy
    assert certificate.leaf == former
    with pytest.raises(UnusableCertificate, match=re.escape(reason)):
        files.read()


READ_ON_A_TERMINAL: Final = """
import os, sys
from pathlib import Path
from satmint.server.certificates import ServerCertificate

with open(sys.argv[1], "r+b", buffering=0):  # a session's first terminal controls it
    os.close(os.open("/dev/tty", os.O_RDWR))
    try:
        ServerCertificate(Path(sys.argv[2]), Path(sys.argv[3]))
    except OSError as error:
        print(error.reason)
"""


def test_nobody_is_asked_for_a_passphrase(files: Files) -> None:
    pair = issue()
    files.write(Pair(pair.chain, encrypted(pair, serialization.PrivateFormat.PKCS8)))
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", READ_ON_A_TERMINAL, os.ttyname(theirs), files.cert, files.key],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        os.set_blocking(ours, False)
        with pytest.raises(BlockingIOError):  # nothing was written to the terminal
            os.read(ours, 100)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.stdout == f"the private key {files.key} is encrypted with a passphrase\n"
    assert done.stderr == ""


def test_files_renewed_while_they_are_read_are_read_again(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, pairs = files.read(), [issue(), issue()]
    files.write(pairs[0])
    contexts, made = [pairs[1]], certificates._make_context

    def renew_meanwhile(cert: Path, key: Path) -> ssl.SSLContext:
        if contexts:
            files.write(contexts.pop())
        return made(cert, key)

    monkeypatch.setattr(certificates, "_make_context", renew_meanwhile)
    assert certificate.check()
    assert certificate.leaf == pairs[1].leaf
    assert certificate.stale is None
    contexts += [issue() for _ in range(5)]
    last = contexts[0]
    files.cert.touch()
    assert not certificate.check()
    assert certificate.stale_reason is not None
    assert "changes while it is read" in certificate.stale_reason
    assert certificate.leaf == pairs[1].leaf
    assert certificate.check()
    assert certificate.leaf == last.leaf
