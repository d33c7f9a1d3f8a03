"""What a vector of proofs is, and the good ones."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.kit.clock import NOW
from tests.kit.proofs import Json, Signer, ath_of, b64url
from tests.vectors.proof_signers import FixedSigner, ec_signer, ed25519_signer, rsa_signer

HOST: Final = "https://fabric.example.com"
EXCHANGE: Final = "/api/fabric/subscriber/devices/token"
REFRESH: Final = "/api/fabric/subscriber/devices/refresh"
URL: Final = HOST + REFRESH
CONNECT: Final = "signalwire.connect"
TOKEN: Final = "eyJhbGciOiJkaXIifQ..AAAAAAAAAAAAAAAA.c29tZSBjbGFpbXM.AAAAAAAAAAAAAAAAAAAAAA"
JTI: Final = "5f2c7f2e-3f3f-4b8e-9d5c-2f1c7c1e5d0f"

RFC_TOKEN: Final = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"

REQUESTS: Final[Json] = {
    "refresh": {
        "method": "POST",
        "path": REFRESH,
        "urls": [URL, f"http://127.0.0.1:8080{REFRESH}", f"https://[::1]:8443{REFRESH}"],
        "token": TOKEN,
        "ath_required": True,
        "strict": False,
        "now": NOW,
    },
    "exchange": {
        "method": "POST",
        "path": EXCHANGE,
        "urls": [HOST + EXCHANGE],
        "token": TOKEN,
        "ath_required": False,
        "strict": False,
        "now": NOW,
    },
    "strict": {
        "method": "POST",
        "path": REFRESH,
        "urls": [URL],
        "token": TOKEN,
        "ath_required": True,
        "strict": True,
        "now": NOW,
    },
    "behind-a-path": {
        "method": "POST",
        "path": REFRESH,
        "urls": [f"{HOST}/mint{REFRESH}"],
        "token": TOKEN,
        "ath_required": True,
        "strict": False,
        "now": NOW,
    },
    "resource": {
        "method": "GET",
        "path": "/v1/rooms/7",
        "urls": ["https://api.example.com/v1/rooms/7"],
        "token": TOKEN,
        "ath_required": True,
        "strict": True,
        "now": NOW,
    },
    "connect": {"rpc": CONNECT, "token": TOKEN, "strict": False, "now": NOW},
    "rfc9449-figure-2": {
        "method": "POST",
        "path": "/token",
        "urls": ["https://server.example.com/token"],
        "token": RFC_TOKEN,
        "ath_required": False,
        "strict": True,
        "now": 1562262616,
    },
    "rfc9449-figure-13": {
        "method": "GET",
        "path": "/protectedresource",
        "urls": ["https://resource.example.org/protectedresource"],
        "token": RFC_TOKEN,
        "ath_required": True,
        "strict": True,
        "now": 1562262618,
    },
}
"""What came with the proofs, by name."""

EC: Final = ec_signer("a browser")
ED: Final = ed25519_signer("a browser")
RSA: Final = rsa_signer("rsa-2048")
PSS: Final = rsa_signer("rsa-2048", "PS256")
OTHER: Final = ec_signer("another browser")
ALL: Final[dict[str, FixedSigner]] = {signer.alg: signer for signer in (RSA, PSS, EC, ED)}


_RFC_KEY: Final = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo"
    "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW"
    "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
)
RFC_JKT: Final = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
"""Printed in RFC 9449, section 6.1, for the key of its examples."""
RFC_PROOFS: Final = {
    "rfc9449-figure-2": (
        f"{_RFC_KEY}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2Vydm"
        "VyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqR"
        "MUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    ),
    "rfc9449-figure-13": (
        f"{_RFC_KEY}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdX"
        "JjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM"
        "0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plem"
        "AgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
    ),
}


@dataclass(frozen=True)
class Case:
    """One proof and what becomes of it."""

    name: str
    why: str
    proof: str
    verdict: str = "accepted"
    request: str = "refresh"
    jkt: str = EC.jkt
    """The rest says what is read of an accepted proof."""
    jti: str = JTI
    iat: int = NOW
    skew: int | None = None
    """Of a proof that is refused for its time."""

    def to_json(self) -> Json:
        """As it stands in the file."""
        members: Json = {
            "name": self.name,
            "why": self.why,
            "request": self.request,
            "proof": self.proof,
            "verdict": self.verdict,
        }
        if self.verdict == "accepted":
            members |= {"jkt": self.jkt, "jti": self.jti, "iat": self.iat}
        if self.skew is not None:
            members["skew"] = self.skew
        return members


def refresh_proof(htu: str = REFRESH, signer: Signer = EC, **changes: Any) -> str:  # noqa: ANN401
    """A proof for a refresh, good but for `changes`."""
    return signer.http_proof(htu, TOKEN, **{"jti": JTI, **changes})


def exchange_proof(**changes: Any) -> str:  # noqa: ANN401
    """A proof for an exchange, good but for `changes`."""
    return EC.http_proof(EXCHANGE, **{"jti": JTI, **changes})


def connect_proof(method: str = CONNECT, signer: Signer = EC, **changes: Any) -> str:  # noqa: ANN401
    """A proof for a connect, good but for `changes`."""
    return signer.rpc_proof(method, **{"jti": JTI, **changes})


def payload(**changes: object) -> Json:
    """The payload of a proof for an exchange."""
    return {"jti": JTI, "htm": "POST", "htu": EXCHANGE, "iat": NOW, **changes}


def of_length(size: int) -> str:
    """A good proof for an exchange, of that many characters."""
    unpadded = exchange_proof()
    for extra in range((size - len(unpadded)) * 3 // 4 - 20, size):
        proof = exchange_proof(extra="x" * extra)
        if len(proof) == size:
            return proof
    raise ValueError(size)


def nested(depth: int) -> str:
    """JSON of arrays within arrays."""
    return "[" * depth + "]" * depth


def good() -> Iterator[Case]:
    """Proofs that are accepted."""
    for alg, signer in ALL.items():
        name, jkt = alg.lower(), signer.jkt
        yield Case(f"{name}-path", "as the vendor's SDK", refresh_proof(signer=signer), jkt=jkt)
        yield Case(f"{name}-url", "as RFC 9449 says", refresh_proof(URL, signer), jkt=jkt)
        bare = refresh_proof(signer=signer, header={"jwk": signer.key})
        yield Case(f"{name}-bare-key", "only the members that are required", bare, jkt=jkt)
        proof = connect_proof(signer=signer)
        yield Case(f"{name}-connect", "over a WebSocket", proof, request="connect", jkt=jkt)
    largest = rsa_signer("rsa-4096")
    proof = refresh_proof(signer=largest)
    yield Case("rs256-4096-bits", "the largest RSA key", proof, jkt=largest.jkt)
    yield Case("strict-url", "strict, and a full URL", refresh_proof(URL), request="strict")
    yield Case("exchange", "no ath where none is needed", exchange_proof(), request="exchange")
    proof = EC.http_proof(EXCHANGE, TOKEN, jti=JTI)
    yield Case("exchange-with-ath", "the right one", proof, request="exchange")
    proof = EC.http_proof(f"{HOST}/mint{REFRESH}", TOKEN, jti=JTI)
    yield Case("url-behind-a-path", "a proxy's path before ours", proof, request="behind-a-path")
    yield Case(
        "path-behind-a-path", "the SDK knows no other", refresh_proof(), "accepted", "behind-a-path"
    )
    proof = connect_proof(ath=ath_of(TOKEN))
    yield Case("connect-with-ath", "the right one", proof, request="connect")
    yield from good_targets()
    yield from good_headers()
    yield from good_claims()
    for name, proof in RFC_PROOFS.items():
        jti = {"rfc9449-figure-2": "-BwC3ESc6acc2lTc"}.get(name, "e1j3V_bKic8-LAEB")
        iat, why = REQUESTS[name]["now"], "printed in the RFC"
        yield Case(name, why, proof, "accepted", name, RFC_JKT, jti, iat)


def good_targets() -> Iterator[Case]:
    """Other spellings of the same URL (RFC 3986, sections 6.2.2 and 6.2.3)."""
    spellings = {
        "scheme-and-host-in-capitals": ("case of scheme and host", URL.replace(HOST, HOST.upper())),
        "default-port": ("443 is that of https", URL.replace(HOST, f"{HOST}:443")),
        "empty-port": ("as if there were none", URL.replace(HOST, f"{HOST}:")),
        "url-query": ("RFC 9449, section 4.3, check 9", f"{URL}?a=1&b=/?"),
        "url-fragment": ("RFC 9449, section 4.3, check 9", f"{URL}#a/?b"),
        "url-query-and-fragment": ("both of them", f"{URL}?#"),
        "url-percent-encoded": ("of what needs no encoding", URL.replace("fabric/", "%66%61bric/")),
        "url-dots": ("dot segments", URL.replace("/devices", "/./x/../devices")),
        "url-encoded-dots": (
            "dot segments behind %2E",
            URL.replace("/devices", "/x/%2e%2E/devices"),
        ),
        "url-dots-above-the-root": ("nothing is above it", URL.replace("/api", "/../../api")),
        "another-url": ("the endpoint has two", f"http://127.0.0.1:8080{REFRESH}"),
        "ipv6": ("an address as host", f"https://[::1]:8443{REFRESH}"),
        "path-query": ("without its query", f"{REFRESH}?a=1"),
        "path-fragment": ("without its fragment", f"{REFRESH}#a"),
        "path-percent-encoded": ("of what needs no encoding", REFRESH.replace("a", "%61")),
        "path-dots": ("dot segments", f"{REFRESH}/x/.././/../../refresh"),
    }
    for name, (why, htu) in spellings.items():
        yield Case(name, why, refresh_proof(htu))


def good_headers() -> Iterator[Case]:
    """What a header may hold beside what it must."""
    ignored = {"jku": "https://evil.example", "x5u": "https://evil.example", "x5c": ["AA"]}
    for name, value in {**ignored, "kid": "../../dev/null"}.items():
        proof = refresh_proof(header={name: value})
        yield Case(f"header-{name}", "ignored: the key is in jwk", proof)
    extra = {"use": "enc", "key_ops": ["sign"], "ext": False, "kid": "x", "alg": "RS512"}
    yield Case("key-members", "enter neither check nor thumbprint", refresh_proof(jwk=extra))
    proof = refresh_proof(signer=RSA, jwk={"crv": "P-256"})
    yield Case("rsa-key-with-a-curve", "a member that RSA has no use for", proof, jkt=RSA.jkt)
    text = json.dumps({name: EC.header()[name] for name in ("jwk", "alg", "typ")}, indent=4)
    proof = EC.compact(f"\r\n\t {text} ".encode(), payload())
    yield Case("header-in-another-order", "JSON in another order", proof, request="exchange")
    text = json.dumps(EC.header()).replace("typ", "\\u0074yp").replace("+", "\\u002B")
    proof = EC.compact(text.encode(), payload())
    yield Case("header-escapes", "JSON spelt otherwise", proof, request="exchange")


def good_claims() -> Iterator[Case]:
    """Claims at their limits, and beside those that matter."""
    for seconds in (-300, -1, 1, 60):
        proof = refresh_proof(iat=NOW + seconds)
        yield Case(f"iat-{seconds:+}", "just young enough", proof, iat=NOW + seconds)
    for name, jti in {"1": "x", "256": "x" * 256, "unicode": '\u00e9\u20ac\U0001f600"'}.items():
        yield Case(f"jti-{name}", "up to 256 bytes", refresh_proof(jti=jti), jti=jti)
    yield Case("nonce-unasked-for", "ignored", refresh_proof(nonce="x"))
    yield Case("exp-unasked-for", "ignored: iat is what counts", refresh_proof(exp=0, nbf=1 << 40))
    yield Case("long-number", "of nothing that matters", refresh_proof(extra=10**4000))
    deep = json.dumps(payload(extra=None)).replace("null", nested(7)).encode()
    proof = EC.compact(EC.header(), deep)
    yield Case("nested-8-deep", "the object and seven arrays", proof, request="exchange")
    brackets = refresh_proof(extra="[{" * 50)
    yield Case("brackets-in-a-string", "are no nesting", brackets)
    yield Case("longest", "8 KiB to the character", of_length(8192), request="exchange")
    data = refresh_proof().rpartition(".")[0]
    r, s = halves(EC.sign(data.encode()))
    proof = f"{data}.{b64url(r + (P256_ORDER - number(s)).to_bytes(32, 'big'))}"
    yield Case("other-signature", "ECDSA has two; no replay is told by them", proof)


P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def halves(signature: bytes) -> tuple[bytes, bytes]:
    """R and S."""
    return signature[:32], signature[32:]


def number(octets: bytes) -> int:
    """Of big-endian bytes."""
    return int.from_bytes(octets, "big")
