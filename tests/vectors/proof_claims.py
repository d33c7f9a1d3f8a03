"""Proofs whose claims are bad (checks 7 to 10); their signatures hold."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256, sha512
from typing import Any, Final

from tests.kit.clock import NOW
from tests.kit.proofs import ABSENT, Json, b64url, changed
from tests.vectors.proof_cases import (
    CONNECT,
    EC,
    EXCHANGE,
    HOST,
    JTI,
    OTHER,
    REFRESH,
    TOKEN,
    URL,
    Case,
    connect_proof,
    payload,
    refresh_proof,
)

NO_STRINGS: Final[Json] = {
    "absent": ABSENT,
    "null": None,
    "number": 7,
    "true": True,
    "list": ["x"],
    "object": {"x": "x"},
}
JTIS: Final[Json] = {
    **NO_STRINGS,
    "empty": "",
    "257-bytes": "x" * 257,
    "129-characters-of-2-bytes": "\u00e9" * 129,
}
IATS: Final[Json] = {
    "absent": ABSENT,
    "null": None,
    "true": True,
    "false": False,
    "string": str(NOW),
    "float": float(NOW),
    "fraction": NOW + 0.5,
    "list": [NOW],
    "negative": -1,
    "2-to-the-53": 1 << 53,
    "4000-digits": 10**3999,
}


def exchange(**changes: object) -> str:
    """A proof for an exchange with any claims changed, `jti` and `iat` too."""
    return EC.compact(EC.header(), changed(payload(), changes))


def connect(**changes: object) -> str:
    """The same for a connect."""
    usual = {"jti": JTI, "rpc": "request", "mth": CONNECT, "iat": NOW}
    return EC.compact(EC.header(), changed(usual, changes))


def bad_claims() -> Iterator[Case]:
    """Claims that are not there, of another type, or of the other kind of proof (check 7)."""
    why = "RFC 9449, section 4.2"
    spoiled = {"jti": JTIS, "iat": IATS, "htm": NO_STRINGS, "htu": NO_STRINGS}
    for claim, values in spoiled.items():
        for name, value in values.items():
            proof = exchange(**{claim: value})
            yield Case(f"{claim}-{name}", why, proof, "proof_claims", "exchange")
    for claim, values in {"jti": JTIS, "iat": IATS, "mth": NO_STRINGS, "rpc": NO_STRINGS}.items():
        for name, value in values.items():
            proof = connect(**{claim: value})
            yield Case(f"connect-{claim}-{name}", why, proof, "proof_claims", "connect")
    for value in ("response", "Request", ""):
        proof = connect(rpc=value)
        yield Case(
            f"connect-rpc-{value or 'empty'}", "no request", proof, "proof_claims", "connect"
        )
    yield Case("no-claims", "nothing", EC.compact(EC.header(), {}), "proof_claims", "exchange")
    yield Case(
        "connect-no-claims", "nothing", EC.compact(EC.header(), {}), "proof_claims", "connect"
    )
    why = "the two kinds are never interchangeable"
    yield Case("rpc-proof-over-http", why, connect(), "proof_claims", "exchange")
    yield Case("http-proof-over-a-websocket", why, exchange(), "proof_claims", "connect")
    both = {"htm": "POST", "htu": EXCHANGE, "rpc": "request", "mth": CONNECT}
    yield Case("both-kinds-over-http", why, exchange(**both), "proof_claims", "exchange")
    yield Case("both-kinds-over-a-websocket", why, connect(**both), "proof_claims", "connect")
    for claim in ("rpc", "mth"):
        proof = exchange(**{claim: None})
        yield Case(f"exchange-with-{claim}", why, proof, "proof_claims", "exchange")
    for claim in ("htm", "htu"):
        proof = connect(**{claim: None})
        yield Case(f"connect-with-{claim}", why, proof, "proof_claims", "connect")


def bad_targets() -> Iterator[Case]:
    """Proofs for something else (check 8)."""
    for method in ("GET", "PUT", "post", "Post", "POST ", "", "*", "\uff30OST"):
        proof = refresh_proof(method=method)
        name = f"htm-{method.strip().encode('unicode-escape').decode() or 'empty'}{len(method)}"
        yield Case(name, "another method", proof, "proof_target")
    for name, (why, htu) in OTHER_URLS.items():
        yield Case(f"htu-{name}", why, refresh_proof(htu), "proof_target")
    for name, htu in {"path": REFRESH, "other-url": f"http://127.0.0.1:8080{REFRESH}"}.items():
        yield Case(f"strict-{name}", "full URL only", refresh_proof(htu), "proof_target", "strict")
    why = "without the proxy's path"
    yield Case("url-before-a-path", why, refresh_proof(URL), "proof_target", "behind-a-path")
    why = "nobody signs the proxy's path alone"
    proof = refresh_proof(f"/mint{REFRESH}")
    yield Case("path-with-the-proxys", why, proof, "proof_target", "behind-a-path")
    for method in ("signalwire.reauthenticate", "Signalwire.Connect", "", f"{CONNECT} ", REFRESH):
        proof = connect_proof(method)
        name = f"mth-{method.strip().replace('/', '-') or 'empty'}{len(method)}"
        yield Case(name, "another method", proof, "proof_target", "connect")


OTHER_URLS: Final[dict[str, tuple[str, str]]] = {
    "other-endpoint": ("for an exchange", EXCHANGE),
    "other-endpoint-url": ("for an exchange", HOST + EXCHANGE),
    "empty": ("nowhere", ""),
    "root": ("somewhere else", "/"),
    "slash-behind": ("another resource", f"{REFRESH}/"),
    "url-slash-behind": ("another resource", f"{URL}/"),
    "capitals": ("paths have a case", REFRESH.upper()),
    "no-slash": ("a relative path", REFRESH[1:]),
    "two-slashes": ("names a host (RFC 3986, section 4.2)", f"/{REFRESH}"),
    "two-slashes-and-dots": ("names a host that is called ..", f"//..{REFRESH}"),
    "host-without-scheme": ("names a host (RFC 3986, section 4.2)", URL.partition(":")[2]),
    "slashes-within": ("another resource", REFRESH.replace("/devices", "//devices")),
    "back-slash": ("no URL", REFRESH.replace("/", "\\")),
    "back-slash-behind": ("no URL", f"/\\evil.example{REFRESH}"),
    "encoded-slash": ("data, no separator", REFRESH.replace("/devices", "%2Fdevices")),
    "encoded-twice": ("decoded once only", REFRESH.replace("refresh", "%2572efresh")),
    "half-encoded": ("no URL", f"{REFRESH}%2"),
    "no-hexadecimal": ("no URL", REFRESH.replace("r", "%zz")),
    "blank-behind": ("no URL", f"{REFRESH} "),
    "line-end-behind": ("no URL", f"{REFRESH}\n"),
    "url-line-end-behind": ("no URL", f"{URL}\n"),
    "blank-before": ("no URL", f" {URL}"),
    "not-ascii": ("no URL", REFRESH.replace("a", "\uff41")),
    "url-not-ascii": ("no URL", URL.replace("s", "\u017f")),
    "http": ("another scheme", URL.replace("https", "http")),
    "wss": ("another scheme", URL.replace("https", "wss")),
    "scheme-without-slashes": ("no URL of ours", URL.replace("//", "")),
    "three-slashes": ("no host", URL.replace("//", "///")),
    "other-host": ("another server", URL.replace("example.com", "example.org")),
    "host-within-host": ("another server", URL.replace(".com", ".com.evil.example")),
    "user": ("RFC 9110, section 4.2.4", URL.replace("//", "//fabric.example.com@")),
    "user-is-host": ("another server", URL.replace(".com/", ".com@evil.example/")),
    "other-port": ("another server", URL.replace(".com", ".com:8443")),
    "port-80": ("not the one of https", URL.replace(".com", ".com:80")),
    "port-of-other-url": ("of another URL", URL.replace(".com", ".com:8080")),
    "port-too-long": ("no port", URL.replace(".com", ".com:000443")),
    "port-not-ascii": ("no port", URL.replace(".com", ".com:\u0664\u0664\u0663")),
    "port-word": ("no port", URL.replace(".com", ".com:https")),
    "port-signed": ("no port", URL.replace(".com", ".com:+443")),
    "encoded-host": ("no name of a server", URL.replace("fabric.", "%66abric.")),
    "dot-behind-host": ("another name", URL.replace(".com", ".com.")),
    "other-address": ("another server", f"https://[::2]:8443{REFRESH}"),
    "address-without-brackets": ("no URL", f"https://::1:8443{REFRESH}"),
    "no-path": ("another resource", HOST),
    "path-in-query": ("another resource", f"{HOST}/?{REFRESH}"),
    "path-in-fragment": ("another resource", f"{HOST}/#{REFRESH}"),
    "two-fragments": ("no URL", f"{URL}#a#b"),
    "dots-go-elsewhere": ("another resource", f"{REFRESH}/../token"),
    "method-before": ("no URL", f"POST {REFRESH}"),
    "very-long": ("another resource", "/" + "a/../" * 900 + "a"),
}
"""Name, reason and `htu`."""


def bad_times() -> Iterator[Case]:
    """Too old or too far ahead (check 9)."""
    for skew in (-NOW, -86_400, -301, 61, 3600, NOW * 999, (1 << 53) - 1 - NOW):
        proof = refresh_proof(iat=NOW + skew)
        yield Case(f"iat-off-by{skew:+}", "not now", proof, "proof_time", skew=skew)
        proof = connect_proof(iat=NOW + skew)
        name = f"connect-iat-off-by{skew:+}"
        yield Case(name, "not now", proof, "proof_time", "connect", skew=skew)


def bad_hashes() -> Iterator[Case]:
    """`ath` (check 10)."""
    hashed = sha256(TOKEN.encode()).digest()
    hashes: dict[str, Any] = {
        "absent": ABSENT,
        "null": None,
        "true": True,
        "list": [b64url(hashed)],
        "empty": "",
        "of-another-token": b64url(sha256(f"{TOKEN}x".encode()).digest()),
        "of-nothing": b64url(sha256(b"").digest()),
        "padded": urlsafe_b64encode(hashed).decode(),
        "cut": b64url(hashed)[:-1],
        "half": b64url(hashed[:16]),
        "of-sha-512": b64url(sha512(TOKEN.encode()).digest()),
        "hexadecimal": hashed.hex(),
        "other-spelling": b64url(hashed)[:-1] + chr(ord(b64url(hashed)[-1]) + 1),
        "not-ascii": "\u0661" + b64url(hashed)[1:],
        "token-itself": TOKEN,
    }
    for name, value in hashes.items():
        yield Case(f"ath-{name}", "RFC 9449, section 4.3", refresh_proof(ath=value), "proof_ath")
        if value is not ABSENT:
            why, proof = "not needed, but wrong", exchange(ath=value)
            yield Case(f"exchange-ath-{name}", why, proof, "proof_ath", "exchange")
            proof = connect(ath=value)
            yield Case(f"connect-ath-{name}", why, proof, "proof_ath", "connect")


def earlier_wins() -> Iterator[Case]:
    """Two things wrong at once: the earlier check speaks, and nothing later is looked at."""
    spoils: list[tuple[str, dict[str, Any]]] = [
        ("proof_type", {"header": {"typ": "JWT"}}),
        ("proof_algorithm", {"header": {"alg": "none"}}),
        ("proof_key", {"jwk": {"d": "AQAB"}}),
        ("proof_signature", {"jwk": {"x": OTHER.key["x"], "y": OTHER.key["y"]}}),
        ("proof_claims", {"mth": CONNECT}),
        ("proof_target", {"method": "GET"}),
        ("proof_time", {"iat": NOW - 301}),
        ("proof_ath", {"ath": "x"}),
    ]
    for at, (verdict, first) in enumerate(spoils):
        for later, second in spoils[at + 1 :]:
            both: dict[str, Any] = {**second, **first}
            for part in ("header", "jwk"):
                if part in both:
                    both[part] = {**second.get(part, {}), **first.get(part, {})}
            skew = -301 if verdict == "proof_time" else None
            name = f"{verdict}-before-{later}".replace("proof_", "")
            yield Case(name, "in order", refresh_proof(**both), verdict, skew=skew)
    for name, broken in {"cut-off": b"{", "list": b"[]"}.items():
        proof = EC.compact(EC.header({"typ": "JWT"}), broken)
        yield Case(f"json-{name}-before-type", "in order", proof, "proof_json")
    padded = refresh_proof(header={"typ": "JWT"}) + "="
    yield Case("malformed-before-type", "in order", padded, "proof_malformed")
    padded = EC.compact(b"[]", b"[]") + "="
    yield Case("malformed-before-json", "in order", padded, "proof_malformed")
