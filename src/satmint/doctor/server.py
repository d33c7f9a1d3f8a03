"""The server of this machine, its admin listener, and what its process may open."""

import ipaddress
import re
import resource
from collections.abc import Sequence
from typing import Final

import msgspec

from satmint import __version__
from satmint.doctor.deployment_question import ask_deployment
from satmint.doctor.finding import Finding, error, ok, skipped, warning
from satmint.doctor.http_client import Answer, HttpClient, Unreachable
from satmint.doctor.local_server import admin_listener, public_listener
from satmint.http.resources.deployment_check import DeploymentAnswer
from satmint.jose import Keyring
from satmint.model.database_reasons import database_reason
from satmint.policies import GATEWAY_SHARE, RESERVED_FILES
from satmint.settings import Settings

_SALT_USES: Final = 2**24
_USES: Final = re.compile(rb"^satmint_working_key_uses(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)
_RAISED_FILES: Final = 65_536
"""Up to which a server raises its own soft limit, if the hard limit permits."""
_FEW_FILES: Final = 1024
_WARNINGS: Final = {
    "keyring_not_reloaded": "the changed keyring cannot be read, and an earlier one is in use",
    "keyring_unknown": "no key of its keyring has served the database before",
    "certificate_not_reloaded": "the certificate files cannot be used; an earlier one is served",
    "database_clock_differs": "its clock and the database's differ",
}


async def examine_local_server(
    settings: Settings, keyring: Keyring | None, client: HttpClient
) -> tuple[Sequence[Finding], bool]:
    """Ask the server at `host` and `port`.

    Returns:
        The findings, and whether it answers.
    """
    listener = public_listener(settings)
    if not listener.port:
        reason = "port is 0: it is not known where the server listens"
        return [skipped("server.live", reason, "set port"), files_finding(settings, None)], False
    try:
        live = await client.get(f"{listener.url}/livez", verify=False)
    except Unreachable as failure:
        reason = f"no server answers at {listener.url}: {failure}"
        remedy = "start it with `satmint serve`, or set host and port to those of the server"
        return [skipped("server.live", reason, remedy), files_finding(settings, None)], False
    if live.status != 200:
        remedy = "stop the other program, or set host and port to those of the server"
        found = f"{listener.url}/livez answers {live.status}: it is another program"
        return [error("server.live", found, remedy), files_finding(settings, None)], False
    findings = [ok("server.live", f"the server at {listener.url} answers")]
    try:
        findings.append(_readiness(await client.get(f"{listener.url}/readyz", verify=False)))
        if keyring is None:
            findings.append(skipped("server.keyring", "the keyring cannot be read"))
            findings.append(files_finding(settings, None))
        else:
            reply = await ask_deployment(client, listener.url, keyring, verify=False)
            findings += _identity(settings, reply.deployment, reply.answer.status)
    except Unreachable as failure:
        findings.append(
            error("server.ready", f"{listener.url}: {failure}", "see the log of the server")
        )
    return findings, True


def _readiness(answer: Answer) -> Finding:
    check = "server.ready"
    if answer.status != 200:
        cause = answer.headers.get("x-satmint-cause", "")
        reason = database_reason(cause) if cause else f"/readyz answers {answer.status}"
        return error(
            check, f"the server is not ready: {reason}", "see the findings about the database"
        )
    try:
        content = msgspec.json.decode(answer.body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        content = {}
    found = content.get("warnings")
    if isinstance(found, list) and found:
        reasons = "; ".join(_WARNINGS.get(str(one), str(one)) for one in found)
        return warning(check, f"the server warns: {reasons}", "see its log for the reason")
    return ok(check, "the server is ready and has no warnings")


def _identity(
    settings: Settings, deployment: DeploymentAnswer | None, status: int
) -> Sequence[Finding]:
    if deployment is None:
        if status == 503:
            found = skipped("server.keyring", "the server has no database yet")
        else:
            found = error(
                "server.keyring",
                f"the server does not have this keyring, or is an earlier version ({status})",
                "start `satmint doctor` with the settings of the server; restart the server",
            )
        return [found, files_finding(settings, None)]
    findings = [ok("server.keyring", "the server has this keyring")]
    if deployment.version == __version__:
        findings.append(ok("server.version", f"the server is version {__version__}, as this is"))
    else:
        findings.append(
            warning(
                "server.version",
                f"the server is version {deployment.version}, and this is {__version__}",
                "restart the server with the version that is installed",
            )
        )
    findings.append(files_finding(settings, deployment.open_files))
    return findings


def files_finding(settings: Settings, of_server: int | None) -> Finding:
    """Whether the limit of open files is enough for the settings.

    Args:
        settings: The settings.
        of_server: The limit of the running server, -1 if it has none; None if it is not known.
    """
    check = "limits.open_files"
    if of_server is None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = _RAISED_FILES if hard == resource.RLIM_INFINITY else min(hard, _RAISED_FILES)
        whose = "a server that is started as this command may open"
    else:
        files, whose = of_server, "each process of the server may open"
    if files < 0:
        return ok(check, f"{whose} any number of files")
    connections = max(files - RESERVED_FILES, 0)
    gateway = int(connections * GATEWAY_SHARE)
    wanted = int(settings.gateway_connections / GATEWAY_SHARE) + RESERVED_FILES + 1
    remedy = (
        f"raise the limit to {wanted} (`ulimit -n`, LimitNOFILE= of systemd), or lower"
        " gateway_connections"
    )
    found = f"{whose} {files} files: {connections} connections, {gateway} of them of the gateway"
    if files < _FEW_FILES:
        return error(check, found, remedy)
    if gateway < settings.gateway_connections:
        limit = settings.gateway_connections
        return warning(check, f"{found}, and gateway_connections is {limit}", remedy)
    return ok(check, found)


async def examine_admin_listener(
    settings: Settings, client: HttpClient, *, is_running: bool
) -> Sequence[Finding]:
    """Whether the admin listener answers, and who can reach it.

    Args:
        settings: The settings.
        client: Asks it.
        is_running: Whether the server answers.
    """
    if not settings.admin_port:
        return [ok("admin.listener", "the admin listener is off (admin_port is 0)")]
    findings = [_exposure(settings.admin_host)]
    url = admin_listener(settings).url
    if not is_running:
        return [*findings, skipped("admin.metrics", "the server does not answer")]
    try:
        answer = await client.get(f"{url}/metrics")
    except Unreachable as failure:
        found = f"{url}/metrics: {failure}"
        remedy = "set admin_host and admin_port to those of the server"
        return [*findings, warning("admin.metrics", found, remedy)]
    uses = _USES.findall(answer.body)
    if answer.status != 200 or not uses:
        found = f"{url}/metrics is not that of a server ({answer.status})"
        return [*findings, warning("admin.metrics", found, "set admin_port to that of the server")]
    findings.append(ok("admin.metrics", f"the metrics are at {url}/metrics"))
    return [*findings, key_uses_finding(int(max(map(float, uses))))]


def key_uses_finding(uses: int) -> Finding:
    """How often the working key was used.

    Args:
        uses: The tokens that were encrypted with it.
    """
    check = "keyring.uses"
    if uses > _SALT_USES:
        return error(check, f"a working key has encrypted {uses:,} tokens", "restart the server")
    return ok(check, f"the working key has encrypted {uses:,} tokens, of at most {_SALT_USES:,}")


def _exposure(host: str) -> Finding:
    check = "admin.listener"
    remedy = (
        "set admin_host to 127.0.0.1 or an address of a private network: /metrics and the console"
        " are there"
    )
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ok(check, f"the admin listener is on {host}")
    if address.is_unspecified:
        return warning(check, f"the admin listener is on all addresses ({host})", remedy)
    if address.is_global:
        return error(check, f"the admin listener is on the public address {host}", remedy)
    return ok(check, f"the admin listener is on {host}, which is not public")
