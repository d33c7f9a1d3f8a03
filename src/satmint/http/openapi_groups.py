"""The groups of operations, and how their callers authenticate, for OpenAPI."""

from typing import Final

TAGS: Final = {
    "Tokens": (
        "Issue tokens for subscribers, guests, invitees and embed visitors, and exchange a refresh"
        " token for a new pair."
    ),
    "Client Bound SAT": (
        "Short-lived SATs for browsers. The client proves possession of a key that never leaves the"
        " browser (RFC 9449)."
    ),
    "Subscriber": "Read the subscriber that the SAT identifies, and register its devices.",
    "Subscribers": "Create, read, update and delete subscribers.",
    "Conference rooms": "Create, read, update and delete rooms: a name and an address each.",
    "Resources": "Read and delete subscribers and conference rooms alike.",
    "Addresses": "Read addresses, with a SAT or an API token.",
    "Project tokens": (
        "List, create, update and delete the API tokens of a project, and check one."
    ),
    "Management": (
        "Extensions of the vendor's API: sessions, introspection, revocation, addresses,"
        " Click-to-Call tokens, webhooks and the audit trail."
    ),
    "Health": "Health checks for probes, and metrics for Prometheus.",
    "Reference": "The OpenAPI document of this API.",
    "Development": "Fault injection; development servers only.",
}
"""What each group of operations is for."""

SECURITY_SCHEMES: Final = {
    "api_token": {
        "type": "http",
        "scheme": "basic",
        "description": (
            "The project id as the user and an API token as the password. The API token must have"
            " one of the listed permissions."
        ),
    },
    "subscriber_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An active subscriber access token (SAT).",
    },
    "bound_token": {
        "type": "http",
        "scheme": "dpop",
        "description": (
            "An active SAT with the DPoP scheme (RFC 9449), which requires a proof of possession."
            " The endpoints of Client Bound SATs require the proof with either scheme."
        ),
    },
}
"""How callers authenticate."""


def group_name(tag: str) -> str:
    """Return the name of a group in paths and fragments of the reference."""
    return _SHORT_NAMES.get(tag, tag.lower().replace(" ", "-"))


_SHORT_NAMES: Final = {"Development": "dev"}
