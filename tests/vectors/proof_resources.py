"""Proofs for a service of somebody else's that verifies tokens: full URL only, and `ath` required.

The server and `satmint_sdk.verify` have checks of their own; both are held to these.
"""

from collections.abc import Iterator
from typing import Any, Final

from tests.kit.clock import NOW
from tests.kit.proofs import ABSENT, Signer, ath_of
from tests.vectors.proof_cases import ALL, EC, JTI, TOKEN, Case

METHOD: Final = "GET"
PATH: Final = "/v1/rooms/7"
ORIGIN: Final = "https://api.example.com"
RESOURCE: Final = ORIGIN + PATH

OTHER_TARGETS: Final[dict[str, dict[str, Any]]] = {
    "method": {"method": "POST"},
    "method-in-small-letters": {"method": "get"},
    "path-alone": {"htu": PATH},
    "other-path": {"htu": f"{ORIGIN}/v1/rooms/8"},
    "other-scheme": {"htu": RESOURCE.replace("https", "http")},
    "other-host": {"htu": RESOURCE.replace(".com", ".org")},
    "other-port": {"htu": RESOURCE.replace(".com", ".com:8443")},
    "slash-behind": {"htu": f"{RESOURCE}/"},
    "user": {"htu": RESOURCE.replace("//", "//api.example.com@")},
    "path-in-query": {"htu": f"{ORIGIN}/?{PATH}"},
    "encoded-slash": {"htu": RESOURCE.replace("/7", "%2F7")},
}


def resource_proof(htu: str = RESOURCE, signer: Signer = EC, **changes: Any) -> str:  # noqa: ANN401
    """A proof for the resource, good but for `changes`."""
    return signer.http_proof(htu, TOKEN, **{"method": METHOD, "jti": JTI, **changes})


def resources() -> Iterator[Case]:
    """Accepted ones, and then those that are for something else, from another time or token."""
    for alg, signer in ALL.items():
        proof = resource_proof(signer=signer)
        yield Case(f"resource-{alg.lower()}", "any algorithm", proof, "accepted", "resource",
                   signer.jkt)  # fmt: skip
    spellings = {
        "query": f"{RESOURCE}?a=1",
        "fragment": f"{RESOURCE}#a",
        "port": RESOURCE.replace(".com", ".com:443"),
        "capitals": RESOURCE.replace(ORIGIN, ORIGIN.upper()),
        "dots": RESOURCE.replace("/7", "/8/../7"),
        "percent-encoded": RESOURCE.replace("rooms", "%72ooms"),
    }
    for name, htu in spellings.items():
        why, proof = "the same URL", resource_proof(htu)
        yield Case(f"resource-{name}", why, proof, "accepted", "resource")
    for skew in (-300, 60):
        why, proof = "just young enough", resource_proof(iat=NOW + skew)
        yield Case(f"resource-iat{skew:+}", why, proof, "accepted", "resource", iat=NOW + skew)
    for name, changes in OTHER_TARGETS.items():
        proof = resource_proof(**changes)
        yield Case(f"resource-for-{name}", "another target", proof, "proof_target", "resource")
    for skew in (-86_400, -301, 61):
        proof = resource_proof(iat=NOW + skew)
        yield Case(f"resource-off-by{skew:+}", "not now", proof, "proof_time", "resource",
                   skew=skew)  # fmt: skip
    hashes: dict[str, Any] = {
        "absent": ABSENT,
        "null": None,
        "empty": "",
        "list": [ath_of(TOKEN)],
        "of-another-token": ath_of(f"{TOKEN}x"),
        "padded": f"{ath_of(TOKEN)}=",
        "token-itself": TOKEN,
    }
    for name, value in hashes.items():
        proof = resource_proof(ath=value)
        yield Case(f"resource-ath-{name}", "another token", proof, "proof_ath", "resource")
    why, late = "in order", NOW - 301
    proof = resource_proof(method="POST", iat=late, ath="x")
    yield Case("resource-target-before-time", why, proof, "proof_target", "resource")
    proof = resource_proof(iat=late, ath="x")
    yield Case("resource-time-before-ath", why, proof, "proof_time", "resource", skew=-301)
