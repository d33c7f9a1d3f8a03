"""The certificate files of the TLS listener: usable, valid now, and of the right names."""

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from satmint.doctor.finding import Finding, error, ok, skipped, warning
from satmint.policies import external_urls, policy_of
from satmint.server import ServerCertificate, UnusableCertificate
from satmint.settings import Settings

_SOON_DAYS: Final = 14
_DAY: Final = 86_400


def examine_certificate(settings: Settings, now: int) -> Iterator[Finding]:
    """Read the certificate and its key as a server does.

    Args:
        settings: The settings.
        now: Unix seconds.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        yield skipped("tls.certificate", "tls_cert is not set: a proxy terminates TLS, if any")
        return
    try:
        certificate = ServerCertificate(Path(settings.tls_cert), Path(settings.tls_key))
    except UnusableCertificate as failure:
        yield error("tls.certificate", failure.reason, failure.remedy)
        return
    yield ok("tls.certificate", f"{settings.tls_cert} and its key belong together")
    yield _dates(certificate.leaf, now)
    yield _names(settings, certificate.leaf)


def _dates(leaf: x509.Certificate, now: int) -> Finding:
    check = "tls.dates"
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    days = int((ends.timestamp() - now) // _DAY)
    remedy = "renew the certificate; the server loads it by itself"
    if begins > datetime.fromtimestamp(now, UTC):
        remedy = "synchronise this machine's clock, or replace the certificate"
        return error(check, f"the certificate is valid from {begins:%Y-%m-%d %H:%M} UTC", remedy)
    if ends.timestamp() <= now:
        return error(check, f"the certificate has expired on {ends:%Y-%m-%d %H:%M} UTC", remedy)
    if days < _SOON_DAYS:
        return warning(check, f"the certificate expires in {days} days", remedy)
    return ok(check, f"the certificate is valid for {days} days, until {ends:%Y-%m-%d}")


def _names(settings: Settings, leaf: x509.Certificate) -> Finding:
    check = "tls.names"
    wanted = hosts_of(settings)
    names = _names_of(leaf)
    if not wanted:
        return skipped(check, "neither public_url nor cluster_host names a host")
    missing = [host for host in wanted if not any(_covers(name, host) for name in names)]
    if missing:
        return error(
            check,
            f"the certificate is for {', '.join(names) or 'no name'}, and not for"
            f" {', '.join(missing)}",
            f"issue a certificate with the name{'s' * (len(missing) > 1)} {', '.join(missing)}",
        )
    return ok(check, f"the certificate covers {', '.join(wanted)}")


def hosts_of(settings: Settings) -> tuple[str, ...]:
    """The hosts that browsers and programs use with https, by the settings."""
    policy = policy_of(settings)
    urls = external_urls(policy, settings.public_url or "")
    urls |= {f"https://{host}" for host in policy.cluster_hosts}
    parts = map(urlsplit, sorted(urls))
    return tuple(sorted({p.hostname for p in parts if p.scheme == "https" and p.hostname}))


def _names_of(leaf: x509.Certificate) -> list[str]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - any file content; see `satmint.server.certificates`
        return []
    addresses = found.get_values_for_type(x509.IPAddress)
    return [*found.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _covers(name: str, host: str) -> bool:
    """Whether a name of a certificate is that of a host (RFC 6125, section 6.4)."""
    try:
        return ip_address(host) == ip_address(name)
    except ValueError:
        pass
    first, dot, rest = host.lower().partition(".")
    return name.lower() == host.lower() or bool(
        first and dot and "." in rest and name.lower() == f"*.{rest}"
    )
