"""The settings themselves: what has no effect, and what is likely to be a mistake."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from satmint.doctor.finding import Finding, ok, warning
from satmint.environment import unknown_variables
from satmint.policies import policy_of
from satmint.settings import Settings


def examine_settings(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Judge settings that are readable.

    Args:
        settings: The settings.
        environment: The environment, with `SATMINT_…` variables.
    """
    unknown = unknown_variables(environment, settings)
    if not unknown:
        yield ok("settings.variables", "the settings are readable; every variable is a setting")
    for variable in unknown:
        text = f"{variable.name} is not a setting and has no effect"
        yield warning("settings.variables", text, variable.remedy)
    yield _cluster_host(settings)
    yield _webhooks(settings)


def _cluster_host(settings: Settings) -> Finding:
    check, hosts = "settings.cluster_host", policy_of(settings).cluster_hosts
    if not hosts:
        return warning(
            check,
            "tokens name no cluster host: browser SDKs connect to the vendor's cloud",
            "set cluster_host",
        )
    return ok(check, f"browsers are sent to {', '.join(sorted(hosts))}")


def _webhooks(settings: Settings) -> Finding:
    check = "settings.private_webhooks"
    if not settings.private_webhooks:
        return ok(check, "webhooks use https and public addresses only")
    if urlsplit(settings.public_url or "").hostname in (None, "localhost", "127.0.0.1"):
        return ok(check, "webhooks may use http and private networks")
    return warning(
        check,
        "webhooks may use http and lead into private networks",
        "unset private_webhooks, unless only trusted people create webhooks",
    )
