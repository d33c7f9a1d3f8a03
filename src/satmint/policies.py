"""Derives the policy, the limits and the external URLs from the settings.

The functions are pure, except for reading the limit on open files.
"""

import resource
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from satmint.flows.policy import Policy
from satmint.gateway import Limits
from satmint.model.demo import Demo
from satmint.model.incarnation import Incarnation
from satmint.settings import Settings

RESERVED_FILES: Final = 64
"""File descriptors reserved for databases, files, logs and the admin listener."""
GATEWAY_SHARE: Final = 0.75
"""Share of the remaining connections for WebSockets, so that HTTP requests find room."""


def max_connections() -> int:
    """Maximum connections of one process: its limit on open files, less the reserved ones."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1_000_000 if files == resource.RLIM_INFINITY else max(files - RESERVED_FILES, 8)


def limits_of(settings: Settings) -> Limits:
    """The limits of one process's gateway: never all connections of the process."""
    return Limits(
        connections=min(settings.gateway_connections, int(max_connections() * GATEWAY_SHARE)),
        per_address=settings.gateway_connections_per_address,
        per_project=settings.gateway_connections_per_project,
        temporary_percent=settings.gateway_temporary_percent,
        per_session=settings.gateway_connections_per_session,
        per_c2c_token=settings.gateway_connections_per_click_to_call,
        requests_per_second=settings.gateway_requests_per_second,
    )


def policy_of(settings: Settings, incarnation: Incarnation | None = None) -> Policy:
    """The settings that the flows need.

    Args:
        settings: The settings.
        incarnation: That of the database. Default: its first one.
    """
    return Policy(
        issuer=settings.issuer,
        cluster_host=settings.cluster_host,
        regions=settings.regions,
        replay_seconds=settings.replay_seconds,
        max_token_seconds=settings.max_token_seconds,
        max_session_seconds=settings.max_session_seconds,
        calls_per_minute=settings.calls_per_minute,
        embeds_per_minute=settings.embeds_per_minute,
        failures_per_minute=settings.failures_per_minute,
        max_invite_seconds=settings.max_invite_seconds,
        invites_per_session=settings.invites_per_session,
        invites_per_minute=settings.invites_per_minute,
        private_webhooks=settings.private_webhooks,
        proof_age_seconds=settings.proof_age_seconds,
        proof_ahead_seconds=settings.proof_ahead_seconds,
        device_slack_seconds=settings.device_slack_seconds,
        proofs_after=(
            0 if incarnation is None or incarnation.number == 1 else incarnation.began_at
        ),
        strict_proofs=(
            None if "*" in settings.strict_proofs else frozenset(map(UUID, settings.strict_proofs))
        ),
    )


def external_urls(policy: Policy, public_url: str, demo: Demo | None = None) -> frozenset[str]:
    """All external URLs of the API, without a final slash.

    Browser SDKs use `fabric.<domain>`, with the domain of a cluster host. A development server is
    also reached as `localhost`.
    """
    urls = {public_url}
    urls |= {f"https://fabric.{host.partition('.')[2]}" for host in policy.cluster_hosts}
    for listener in () if demo is None else (demo.http, demo.https):
        parts = urlsplit(listener)
        urls |= {listener, f"{parts.scheme}://localhost:{parts.port}"}
    return frozenset(urls)
