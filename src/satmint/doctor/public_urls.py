"""The URLs from outside: do they lead to this deployment, through which proxies."""

import asyncio
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from satmint.doctor.deployment_question import ask_deployment
from satmint.doctor.finding import Finding, error, ok, skipped, warning
from satmint.doctor.http_client import Failure, HttpClient, Unreachable
from satmint.http.resources.deployment_check import DeploymentAnswer
from satmint.jose import Keyring
from satmint.model.proxies import TrustedProxies, canonical
from satmint.policies import policy_of
from satmint.settings import Settings

_START: Final = "start the server with `satmint serve`"
_METRICS: Final = b"satmint_http_requests"
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")
_REMEDIES: Final = {
    Failure.NAME: "create its record in DNS, or correct {setting}",
    Failure.CONNECTION: "start what listens there, open the port in the firewall, or correct"
    " {setting}",
    Failure.TIMEOUT: "open the port in the firewall, or correct {setting}",
    Failure.TLS: "install a certificate of this name with its whole chain (tls_cert, or that of the"
    " proxy), or correct {setting}",
    Failure.PROTOCOL: "correct {setting}, or the proxy that answers there",
}


class PublicUrls:
    """Asks the URLs from outside."""

    def __init__(
        self, settings: Settings, keyring: Keyring, client: HttpClient, *, is_running: bool
    ) -> None:
        """Prepare.

        Args:
            settings: The settings.
            keyring: The keyring, by which servers of the deployment are recognised.
            client: Asks the URLs.
            is_running: Whether a server runs on this machine.
        """
        self._settings = settings
        self._keyring = keyring
        self._client = client
        self._is_running = is_running

    async def examine(self) -> Sequence[Finding]:
        """Examine all of them concurrently."""
        tasks = [self._public_url()]
        for host in sorted(policy_of(self._settings).cluster_hosts):
            tasks += [self._api_host(host), self._gateway_host(host)]
        return [finding for found in await asyncio.gather(*tasks) for finding in found]

    async def _public_url(self) -> Sequence[Finding]:
        url, check = self._settings.public_url, "public.url"
        if url is None:
            return [self._without_public_url(check)]
        found, deployment = await self._ask(check, url, "public_url")
        findings = [found]
        if deployment is None:
            return findings
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname not in _LOCAL:
            findings.append(
                error(
                    "public.https",
                    f"{url} is not encrypted: anybody on the way can read tokens",
                    "set tls_cert and tls_key or use a proxy with TLS, and begin public_url with"
                    " https://",
                )
            )
        return [*findings, self._proxy(url, deployment), await self._metrics(url)]

    def _without_public_url(self, check: str) -> Finding:
        host = self._settings.host
        if host in _LOCAL:
            return ok(check, f"public_url is not set: clients are on this machine ({host})")
        return warning(
            check,
            f"public_url is not set: links and proofs are for the address {host}",
            "set public_url to the URL that clients use",
        )

    async def _ask(
        self, check: str, url: str, setting: str
    ) -> tuple[Finding, DeploymentAnswer | None]:
        try:
            reply = await ask_deployment(self._client, url, self._keyring)
        except Unreachable as failure:
            return self._unreachable(check, url, failure, setting), None
        if reply.deployment is not None:
            return ok(check, f"{url} leads to a server of this deployment"), reply.deployment
        status = reply.answer.status
        if status in (502, 503, 504):
            text = f"{url} answers {status}: no server is behind it"
            if not self._is_running:
                return skipped(check, text, _START), None
            remedy = "correct the address of the server in the proxy"
            return error(check, text, remedy), None
        return error(
            check,
            f"{url} is answered by another server ({status}): it does not have this keyring",
            f"correct {setting}, DNS or the proxy; all servers of a deployment share one keyring,"
            " and one version",
        ), None

    def _unreachable(self, check: str, url: str, failure: Unreachable, setting: str) -> Finding:
        text = f"{url}: {failure}"
        if failure.failure is Failure.CONNECTION and not self._is_running:
            return skipped(check, text, _START)
        return error(check, text, _REMEDIES[failure.failure].format(setting=setting))

    def _proxy(self, url: str, seen: DeploymentAnswer) -> Finding:
        check = "public.proxy"
        trusted = TrustedProxies(self._settings.trusted_proxies).trusts(canonical(seen.peer))
        terminated = url.startswith("https:") and self._settings.tls_cert is None
        if not trusted and seen.forwarded_for is not None:
            return error(
                check,
                f"the proxy {seen.peer} is not trusted: limits and audit events take all clients"
                " for it",
                f"set trusted_proxies to {seen.peer}",
            )
        if trusted and seen.forwarded_for is None:
            return warning(
                check,
                f"{seen.peer} is in trusted_proxies, and sends no X-Forwarded-For",
                "let the proxy set X-Forwarded-For to the address of the client, or remove it from"
                " trusted_proxies",
            )
        if trusted and seen.client == seen.peer != _last(seen.forwarded_for):
            return error(
                check,
                f"the server does not trust the proxy {seen.peer}, although trusted_proxies has it",
                "start the server again: it has other settings",
            )
        if trusted:
            return ok(check, f"the proxy {seen.peer} is trusted; the client was {seen.client}")
        if terminated:
            return error(
                check,
                f"a proxy at {seen.peer} terminates TLS and sends no X-Forwarded-For: limits and"
                " audit events take all clients for it",
                f"let it set X-Forwarded-For, and set trusted_proxies to {seen.peer}",
            )
        return ok(check, f"no proxy in between; the client was {seen.client}")

    async def _metrics(self, url: str) -> Finding:
        check = "public.metrics"
        try:
            answer = await self._client.get(f"{url}/metrics")
        except Unreachable as failure:
            return skipped(check, f"{url}/metrics: {failure}")
        if answer.status == 200 and _METRICS in answer.body:
            return error(
                check,
                f"{url}/metrics shows the metrics to everybody",
                "let the proxy pass no requests to the admin listener (admin_port)",
            )
        return ok(check, f"the metrics are not at {url}")

    async def _api_host(self, cluster_host: str) -> Sequence[Finding]:
        """Browser SDKs call `fabric.` in the domain of the cluster host."""
        url = f"https://fabric.{cluster_host.partition('.')[2]}"
        found, _ = await self._ask("cluster.api", url, "cluster_host")
        return [found]

    async def _gateway_host(self, cluster_host: str) -> Sequence[Finding]:
        check, url = "cluster.gateway", f"https://{cluster_host}"
        try:
            upgraded = await self._client.upgrade(url)
        except Unreachable as failure:
            return [self._unreachable(check, url, failure, "cluster_host")]
        if upgraded.status in (502, 503, 504) and not self._is_running:
            return [skipped(check, f"{url} answers {upgraded.status}", _START)]
        if upgraded.status != 101:
            return [
                error(
                    check,
                    f"{url} answers {upgraded.status} to a WebSocket: browsers cannot connect",
                    "let the proxy pass on Upgrade and Connection of GET /, or correct"
                    " cluster_host",
                )
            ]
        found, deployment = await self._ask(check, url, "cluster_host")
        if deployment is None:
            return [found]
        return [ok(check, f"{url} opens WebSockets of this deployment")]


def _last(forwarded_for: str | None) -> str:
    return canonical((forwarded_for or "").rpartition(",")[2].strip())
