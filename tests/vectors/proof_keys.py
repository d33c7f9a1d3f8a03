"""Proofs whose type, algorithm, key or signature is bad (checks 3 to 6)."""

import hmac
import itertools
import json
from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.kit.proofs import ABSENT, Json, b64url, number_of, segment, uint
from tests.vectors.proof_cases import (
    ALL,
    EC,
    ED,
    EXCHANGE,
    JTI,
    OTHER,
    P256_ORDER,
    PSS,
    RSA,
    Case,
    connect_proof,
    exchange_proof,
    halves,
    number,
    payload,
    refresh_proof,
)
from tests.vectors.proof_signers import KEYS, FixedSigner, ed25519_signer, pss, rsa_key, rsa_signer
from tests.vectors.recipes import octets, other_spelling

P256_PRIME: Final = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
ED25519_PRIME: Final = 2**255 - 19
ED25519_ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def bad_types() -> Iterator[Case]:
    """`typ` and `crit`."""
    types = {
        "absent": ABSENT,
        "jwt": "JWT",
        "at-jwt": "at+jwt",
        "capitals": "DPoP+JWT",
        "media-type": "application/dpop+jwt",
        "blank-behind": "dpop+jwt ",
        "null": None,
        "list": ["dpop+jwt"],
        "true": True,
    }
    for name, value in types.items():
        proof = exchange_proof(header={"typ": value})
        yield Case(f"typ-{name}", "not a DPoP proof", proof, "proof_type", "exchange")
    crits: Json = {"b64": ["b64"], "empty": [], "null": None, "unknown": ["exp"], "false": False}
    for name, value in crits.items():
        proof = exchange_proof(header={"crit": value, "b64": True, "exp": 1})
        yield Case(f"crit-{name}", "RFC 7515, section 4.1.11", proof, "proof_type", "exchange")


def bad_algorithms() -> Iterator[Case]:
    """`alg`, by itself and with the wrong key."""
    for alg in (
        *("none", "None", "NONE", "", "HS256", "HS384", "HS512", "RS384", "RS512", "PS384"),
        *("PS512", "ES384", "ES512", "ES256K", "Ed448", "RSA-OAEP", "dir", "es256", "ES256 "),
    ):
        proof = exchange_proof(header={"alg": alg})
        name = f"alg-{alg.replace(' ', '-blank') or 'empty'}"
        yield Case(name, "none of ours", proof, "proof_algorithm", "exchange")
    for name, value in {"absent": ABSENT, "null": None, "list": ["ES256"], "true": True}.items():
        proof = exchange_proof(header={"alg": value})
        yield Case(f"alg-{name}", "no algorithm", proof, "proof_algorithm", "exchange")
    for signer in ALL.values():
        header = {**signer.header(), "alg": "none"}
        unsigned = f"{segment(header)}.{segment(payload())}.AA"
        name = f"unsigned-{signer.alg.lower()}-key"
        yield Case(name, "RFC 8725, section 2.1", unsigned, "proof_algorithm", "exchange")
        for other in ALL.values():
            if other.key["kty"] != signer.key["kty"]:
                proof = signer.http_proof(EXCHANGE, jti=JTI, header={"alg": other.alg})
                name = f"alg-{other.alg.lower()}-with-{signer.alg.lower()}-key"
                yield Case(name, "does not fit", proof, "proof_algorithm", "exchange")
    for header in ({**EC.header(), "alg": "HS256"}, secret_header()):
        data = f"{segment(header)}.{segment(payload())}"
        secret = json.dumps(header["jwk"], separators=(",", ":")).encode()
        proof = f"{data}.{b64url(hmac.digest(secret, data.encode(), 'sha256'))}"
        name = f"hmac-with-{header['jwk']['kty'].lower()}-key"
        yield Case(name, "anybody knows that secret", proof, "proof_algorithm", "exchange")
    for name, change in {
        "kty-absent": {"kty": ABSENT},
        "kty-null": {"kty": None},
        "kty-lower-case": {"kty": "ec"},
        "kty-list": {"kty": ["EC"]},
        "kty-oct": {"kty": "oct"},
        "crv-absent": {"crv": ABSENT},
        "crv-p384": {"crv": "P-384"},
        "crv-secp256k1": {"crv": "secp256k1"},
        "crv-list": {"crv": ["P-256"]},
    }.items():
        proof = exchange_proof(jwk=change)
        yield Case(name, "ES256 takes a key of P-256", proof, "proof_algorithm", "exchange")
    for curve in ("Ed448", "X25519", "P-256"):
        proof = ED.http_proof(EXCHANGE, jti=JTI, jwk={"crv": curve})
        name = f"eddsa-crv-{curve.lower()}"
        yield Case(name, "no key of Ed25519", proof, "proof_algorithm", "exchange")


def secret_header() -> Json:
    """A header with the secret of an HMAC."""
    jwk = {"kty": "oct", "k": b64url(octets("secret", 32))}
    return {"typ": "dpop+jwt", "alg": "HS256", "jwk": jwk}


def bad_keys() -> Iterator[Case]:
    """`jwk`; what can be signed with the matching private key is."""
    for name, value in {"absent": ABSENT, "null": None, "list": [EC.key], "string": "{}"}.items():
        proof = exchange_proof(header={"jwk": value})
        yield Case(f"jwk-{name}", "no key", proof, "proof_key", "exchange")
    for member in ("d", "p", "q", "dp", "dq", "qi", "oth", "k"):
        for signer in (RSA, EC, ED):
            proof = signer.http_proof(EXCHANGE, jti=JTI, jwk={member: "AQAB"})
            name = f"private-{member}-{signer.alg.lower()}"
            yield Case(name, "a private key travelled", proof, "proof_key", "exchange")
    proof = exchange_proof(jwk={"d": None})
    yield Case("private-d-null", "not even an empty one", proof, "proof_key", "exchange")
    proof = RSA.http_proof(EXCHANGE, jti=JTI, jwk=KEYS["rsa-2048"])
    yield Case("private-whole", "a private key travelled", proof, "proof_key", "exchange")
    for key in ("rsa-1024", "rsa-2047", "rsa-4097", "rsa-e3"):
        proof = rsa_signer(key).http_proof(EXCHANGE, jti=JTI)
        yield Case(key, "2048 to 4096 bits, e = 65537", proof, "proof_key", "exchange")
    n, x, y = RSA.key["n"], EC.key["x"], EC.key["y"]
    changes: list[tuple[str, str, FixedSigner, Json]] = [
        ("n-leading-zero", "one key, two thumbprints", RSA, {"n": grown(n)}),
        ("n-padded", "one key, two thumbprints", RSA, {"n": f"{n}=="}),
        ("n-other-spelling", "one key, two thumbprints", RSA, {"n": other_spelling(n)}),
        ("n-line-end", "one key, two thumbprints", RSA, {"n": f"{n}\n"}),
        ("n-even", "no product of primes", RSA, {"n": uint(number_of(n) - 1)}),
        ("n-number", "no string", RSA, {"n": 65537}),
        ("n-empty", "nothing", RSA, {"n": ""}),
        ("n-absent", "nothing", RSA, {"n": ABSENT}),
        ("n-zero", "nothing", RSA, {"n": "AA"}),
        ("e-leading-zero", "one key, two thumbprints", RSA, {"e": grown("AQAB")}),
        ("e-1", "every message is its own signature", RSA, {"e": "AQ"}),
        ("e-number", "no string", RSA, {"e": 65537}),
        ("e-absent", "nothing", RSA, {"e": ABSENT}),
        ("e-65539", "another one", RSA, {"e": uint(65539)}),
        ("x-absent", "half a point", EC, {"x": ABSENT}),
        ("y-absent", "half a point", EC, {"y": ABSENT}),
        ("y-null", "half a point", EC, {"y": None}),
        ("x-leading-zero", "one key, two thumbprints", EC, {"x": grown(x)}),
        ("x-other-spelling", "one key, two thumbprints", EC, {"x": other_spelling(x)}),
        ("x-padded", "one key, two thumbprints", EC, {"x": f"{x}="}),
        ("x-short", "31 bytes", EC, {"x": shrunk(x)}),
        ("x-standard-alphabet", "base64 with + and /", EC, {"x": "+/" + x[2:]}),
        ("x-not-ascii", "digits of another script", EC, {"x": "\u0661" + x[1:]}),
        ("off-curve", "an invalid curve", EC, {"x": y, "y": x}),
        ("origin", "no point", EC, {"x": uint(0, 32), "y": uint(0, 32)}),
        *(
            (name, "one key, two thumbprints", EC, point)
            for name, point in points_beyond_the_prime().items()
        ),
        ("okp-x-absent", "no point", ED, {"x": ABSENT}),
        ("okp-x-short", "31 bytes", ED, {"x": shrunk(ED.key["x"])}),
        ("okp-x-long", "33 bytes", ED, {"x": grown(ED.key["x"])}),
        ("okp-x-other-spelling", "stray bits", ED, {"x": other_spelling(ED.key["x"])}),
        ("okp-x-off-curve", "no point", ED, {"x": little(2)}),
    ]
    for name, why, signer, change in changes:
        proof = signer.http_proof(EXCHANGE, jti=JTI, jwk=change)
        yield Case(name, why, proof, "proof_key", "exchange")
    for name, point in weak_points().items():
        jwk = {**ED.jwk, "x": b64url(point)}
        # The neutral element and nothing: holds for every message under some of these keys.
        signature = b64url((1).to_bytes(32, "little") + bytes(32))
        proof = f"{segment({**ED.header(), 'jwk': jwk})}.{segment(payload())}.{signature}"
        yield Case(name, "a signature that needs no private key", proof, "proof_key", "exchange")


def grown(text: str) -> str:
    """The same number with a zero byte before it."""
    return uint(number_of(text), (len(text) * 3 // 4) + 1)


def shrunk(text: str) -> str:
    """All bytes of a value but the first."""
    return uint(number_of(text) & ((1 << 248) - 1), 31)


def little(value: int) -> str:
    """A coordinate of Ed25519."""
    return b64url(value.to_bytes(32, "little"))


def points_beyond_the_prime() -> dict[str, Json]:
    """Points of P-256 with a coordinate that has 32 bytes even with the prime added to it."""
    p, x_of_5 = P256_PRIME, 0xD7325D7646CD60D80A92738CEB345F844CFFAF35841022CAB176F692DE8DE1D7
    return {
        "x-is-prime": {"x": uint(p, 32), "y": uint(p256_root(0), 32)},
        "x-beyond-prime": {"x": uint(p + 5, 32), "y": uint(p256_root(5), 32)},
        "y-beyond-prime": {"x": uint(x_of_5, 32), "y": uint(p + 5, 32)},
    }


def p256_root(x: int) -> int:
    """A `y` of the points of P-256 with that `x`."""
    p, b = P256_PRIME, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    square = (x**3 - 3 * x + b) % p
    y = pow(square, (p + 1) // 4, p)
    if y * y % p != square:
        raise ValueError("no point has it")
    return y


def weak_points() -> dict[str, bytes]:
    """Points of small order in every spelling that fits, and sound ones spelt beyond the prime."""
    p = ED25519_PRIME
    d = -121665 * pow(121666, -1, p) % p
    # Order 8: d·y⁴ + 2·y² - 1 = 0, so that doubling it comes to y = 0.
    found = {0: 4, 1: 1, p - 1: 2}
    for root in square_roots(1 + d):
        for y in square_roots((root - 1) * pow(d, -1, p)):
            found[y] = 8
    points: dict[str, bytes] = {}
    for y, order in sorted(found.items()):
        for spelt in (y, y + p):
            if spelt < 2**255:
                for sign in (0, 1):
                    name = f"order-{order}-{len(points)}"
                    points[name] = (spelt | sign << 255).to_bytes(32, "little")
    for y in (3, 4, 18):
        points[f"beyond-prime-{y}"] = (y + p).to_bytes(32, "little")
    return points


def square_roots(value: int) -> list[int]:
    """Both, modulo the prime of Ed25519; none where there are none."""
    p = ED25519_PRIME
    root = pow(value, (p + 3) // 8, p)
    for candidate in (root, root * pow(2, (p - 1) // 4, p) % p):
        if candidate * candidate % p == value % p:
            return [candidate, p - candidate]
    return []


def bad_signatures() -> Iterator[Case]:
    """Signatures that do not hold."""
    for alg, signer in ALL.items():
        name = alg.lower()
        header, claims, signature = signer.http_proof(EXCHANGE, jti=JTI).split(".")
        octet = number_of(signature)
        size = len(signature) * 3 // 4
        for at in (0, size * 8 - 1):
            flipped = f"{header}.{claims}.{uint(octet ^ 1 << at, size)}"
            yield bad(f"{name}-flipped-{at}", "tampered with", flipped)
        for grew in (-1, 1):
            cut = uint(octet >> 8 if grew < 0 else octet << 8, size + grew)
            proof = f"{header}.{claims}.{cut}"
            yield bad(f"{name}-length{grew:+}", "tampered with", proof)
        zeros = f"{header}.{claims}.{b64url(bytes(size))}"
        yield bad(f"{name}-zeros", "CVE-2022-21449", zeros)
        ones = f"{header}.{claims}.{b64url(bytes(range(255, 256)) * size)}"
        yield bad(f"{name}-ones", "beyond every order", ones)
        later = f"{header}.{segment(payload(iat=1_700_000_001))}.{signature}"
        yield bad(f"{name}-other-claims", "the body swapped", later)
        stranger = signer.http_proof(EXCHANGE, jti=JTI, header={"jwk": thief_of(signer).key})
        yield bad(f"{name}-other-key", "the key swapped", stranger)
        spelt = json.dumps(signer.header()).encode()
        respelt = f"{b64url(spelt)}.{claims}.{signature}"
        yield bad(f"{name}-header-respelt", "no byte of it", respelt)
    for signer, alg in ((RSA, "PS256"), (PSS, "RS256")):
        proof = signer.http_proof(EXCHANGE, jti=JTI, header={"alg": alg})
        name = f"{signer.alg.lower()}-shown-as-{alg.lower()}"
        yield bad(name, "another padding", proof)
    data = f"{segment(PSS.header())}.{segment(payload())}"
    for salt in (0, 20, 31, 33, 64, 222):
        made = pss(rsa_key("rsa-2048"), data.encode(), octets("x", 32).ljust(salt, b"x")[:salt])
        proof = f"{data}.{b64url(made)}"
        name = f"ps256-salt-of-{salt}"
        yield bad(name, "RFC 7518, section 3.5", proof)
    yield from bad_curve_signatures()
    header, _, signature = refresh_proof().split(".")
    proof = f"{header}.{connect_proof().split('.')[1]}.{signature}"
    yield bad("two-proofs-crossed", "of the same key", proof)


def bad(name: str, why: str, proof: str) -> Case:
    """A proof for an exchange whose signature does not hold."""
    return Case(name, why, proof, "proof_signature", "exchange")


def bad_curve_signatures() -> Iterator[Case]:
    """What only signatures on curves can have."""
    data = exchange_proof().rpartition(".")[0]
    r, s = (number(half) for half in halves(EC.sign(data.encode())))
    order = P256_ORDER
    for name, why, made in (
        ("es256-der", "JOSE has no DER", encode_dss_signature(r, s)),
        ("es256-r-zero", "CVE-2022-21449", bytes(32) + s.to_bytes(32, "big")),
        ("es256-s-zero", "CVE-2022-21449", r.to_bytes(32, "big") + bytes(32)),
        ("es256-both-order", "zero by another name", order.to_bytes(32, "big") * 2),
        ("es256-swapped", "S and R", s.to_bytes(32, "big") + r.to_bytes(32, "big")),
        ("es256-wider", "33 bytes each", r.to_bytes(33, "big") + s.to_bytes(33, "big")),
        ("es256-s-wider", "33 bytes", r.to_bytes(32, "big") + s.to_bytes(33, "big")),
        ("es256-empty-halves", "two bytes", b"\1\1"),
    ):
        yield bad(name, why, f"{data}.{b64url(made)}")
    for at in itertools.count():
        data = EC.http_proof(EXCHANGE, jti=str(at)).rpartition(".")[0]
        made = EC.sign(data.encode())
        if made[32] == 0:
            yield bad("es256-s-shorter", "31 bytes", f"{data}.{b64url(made[:32] + made[33:])}")
            break
    small = {"x": uint(P256_PRIME - 3, 32), "y": uint(p256_root(-3), 32)}
    proof = exchange_proof(jwk=small)
    yield bad("x-just-before-prime", "nobody has that key, but it is one", proof)
    header, claims, signature = ED.http_proof(EXCHANGE, jti=JTI).split(".")
    raw = number_of(signature).to_bytes(64, "big")
    larger = int.from_bytes(raw[32:], "little") + ED25519_ORDER
    proof = f"{header}.{claims}.{b64url(raw[:32] + larger.to_bytes(32, 'little'))}"
    yield bad("eddsa-s-beyond-order", "RFC 8032, 5.1.7", proof)


def thief_of(signer: FixedSigner) -> FixedSigner:
    """Somebody else, with a key of the same type."""
    match signer.key["kty"]:
        case "RSA":
            return rsa_signer("rsa-4096", signer.alg)
        case "EC":
            return OTHER
        case _:
            return ed25519_signer("another browser")
