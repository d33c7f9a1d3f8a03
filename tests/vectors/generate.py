"""Rebuild the token vectors: `python -m tests.vectors.generate`.

The same text comes out every time.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.vectors.recipes import (
    BOUND,
    FOREIGN,
    GOOD,
    GUEST,
    ISSUED,
    KEYRING,
    OTHER_SALT,
    RETIRED,
    SALT,
    SUBSCRIBER,
    Json,
    Recipe,
    another_token,
    b64url,
    flipped,
    header_with,
    octets,
    of_length,
    other_spelling,
    padded_recipes,
    salt_flipped,
    split_elsewhere,
    standard_alphabet,
    under_the_master_key,
    with_part,
)

FILE: Final = Path(__file__).with_name("tokens.json")

LONGEST: Final = 8192
"""Characters of the longest token that is looked at."""


def good() -> Iterator[tuple[str, str, str, Recipe]]:
    """Name, reason, the type to open it as, and what it is made of."""
    yield "sat", "a subscriber's SAT", "SAT", GOOD
    yield "refresh", "its refresh token", "Refresh", Recipe(typ="Refresh")
    yield "with-cluster-host", "ch in its place", "SAT", Recipe(ch="puc.example.com:8443")
    yield "bound", "cnf, scope and app", "SAT", Recipe(claims=BOUND)
    yield "guest", "addr", "SAT", Recipe(claims=GUEST)
    retired = Recipe(kid=f"retired-0.{SALT}", master=RETIRED)
    yield "retired-key", "a retired key goes on opening", "SAT", retired
    another = Recipe(kid=f"active-1.{OTHER_SALT}", salt=OTHER_SALT)
    yield "another-salt", "each process has its own", "SAT", another
    later = Recipe(claims={**SUBSCRIBER, "nbf": ISSUED})
    yield "unknown-claim", "passed over (RFC 7519, section 4)", "SAT", later


def bad_headers() -> Iterator[tuple[str, str, str]]:
    """Name, reason and the header's JSON; each is sealed rightly, so that only it is wrong."""
    yield "alg-none", "downgraded alg", header_with(alg="none")
    yield "alg-key-wrap", "another alg", header_with(alg="A256KW")
    yield "alg-rsa", "another alg", header_with(alg="RSA-OAEP")
    yield (
        "alg-upper-case",
        "names are case-sensitive (RFC 7515, section 4.1.1)",
        header_with(alg="DIR"),
    )
    yield "alg-number", "not a string", header_with(alg=1)
    yield "alg-absent", "required (RFC 7516, section 4.1.1)", header_with(alg=None)
    yield "enc-a128gcm", "downgraded enc", header_with(enc="A128GCM")
    yield "enc-cbc", "another enc", header_with(enc="A256CBC-HS512")
    yield "enc-absent", "required (RFC 7516, section 4.1.2)", header_with(enc=None)
    yield "typ-jwt", "another typ", header_with(typ="JWT")
    yield "typ-lower-case", "another typ", header_with(typ="sat")
    yield "typ-list", "not a string", header_with(typ=["SAT"])
    yield "typ-absent", "required here", header_with(typ=None)
    yield "zip", "compression leaks what is encrypted", header_with(zip="DEF")
    yield "crit", "an extension that must be understood", header_with(crit=["exp"], exp=1)
    yield "crit-empty", "must not be empty (RFC 7515, section 4.1.11)", header_with(crit=[])
    yield "extra-jwk", "a key brought along", header_with(jwk={"kty": "oct", "k": "AA"})
    yield "extra-jku", "a key to be fetched", header_with(jku="https://evil.example/keys")
    yield "extra-epk", "another algorithm's member", header_with(epk={})
    yield "extra-cty", "an unknown member", header_with(cty="JWT")
    text = GOOD.header_text()
    yield "twice-alg", "a repeated member", text.replace("{", '{"alg":"none",', 1)
    yield "twice-typ", "two readers, two types", text.replace("}", ',"typ":"Refresh"}')
    yield "twice-kid", "a repeated member", text.replace("}", f',"kid":"active-1.{SALT}"}}')
    yield "twice-alg-escaped", "repeated in disguise", text.replace("{", '{"\\u0061lg":"none",', 1)
    yield "kid-absent", "required here", header_with(kid=None)
    yield "kid-number", "not a string", header_with(kid=7)
    yield "kid-without-salt", "no salt", header_with(kid="active-1")
    yield "kid-two-dots", "charset", header_with(kid=f"active.1.{SALT}")
    yield "kid-slash", "charset: a path", header_with(kid=f"../active-1.{SALT}")
    yield "kid-nul", "charset: the end of a C string", header_with(kid=f"active-1\0.{SALT}")
    yield (
        "kid-not-ascii",
        "charset: digits of another script",
        header_with(kid=f"active-\u0661.{SALT}"),
    )
    yield "kid-line-end", "charset: nothing after the salt", header_with(kid=f"active-1.{SALT}\n")
    yield "kid-too-long", "65 characters", header_with(kid=f"{'a' * 65}.{SALT}")
    yield "kid-nameless", "no master key's id", header_with(kid=f".{SALT}")
    yield "kid-short-salt", "21 characters", header_with(kid=f"active-1.{SALT[:-1]}")
    yield "kid-long-salt", "23 characters", header_with(kid=f"active-1.{SALT}A")
    yield (
        "kid-other-spelling",
        "stray bits in the salt",
        header_with(kid=f"active-1.{other_spelling(SALT)}"),
    )
    yield "kid-unknown-key", "no such master key", header_with(kid=f"active-2.{SALT}")
    yield (
        "kid-other-salt",
        "not the salt it was sealed with",
        header_with(kid=f"active-1.{OTHER_SALT}"),
    )
    yield "ch-number", "not a string", header_with(ch=1)
    yield "ch-null", "not a string", text.replace("}", ',"ch":null}')
    yield "ch-empty", "no host", header_with(ch="")
    yield "ch-url", "charset", header_with(ch="https://evil.example/")
    yield "ch-too-long", "256 characters", header_with(ch="a" * 256)
    yield "header-array", "not an object", '["dir","A256GCM","SAT"]'
    yield "header-string", "not an object", '"dir"'
    yield "header-null", "not an object", "null"
    yield "header-empty-object", "nothing in it", "{}"
    yield "header-not-json", "no JSON", "alg=dir"
    yield "header-nan", "no JSON, though Python reads it", text.replace("}", ',"ch":NaN}')
    yield "header-two-values", "more than one value", text + text
    yield "header-byte-order-mark", "RFC 8259, section 8.1", "\ufeff" + text
    yield "header-deep", "a reader's stack", "[" * 700
    yield "header-too-long", "over 1024 characters", text + " " * 800
    lone = text.replace("}", ',"ch":"\\ud800"}')
    yield "header-lone-surrogate", "no character", lone


def bad_claims() -> Iterator[tuple[str, str, bytes]]:
    """Name, reason and the plaintext; sealed rightly."""
    text = json.dumps(SUBSCRIBER, separators=(",", ":"))
    expiry = f'"exp":{ISSUED + 7200}'
    for name, spelled in {
        "nan": "NaN",
        "infinite": "Infinity",
        "bool": "true",
        "string": f'"{ISSUED + 7200}"',
        "float": f"{ISSUED + 7200}.5",
        "null": "null",
    }.items():
        yield f"exp-{name}", "not an integer", text.replace(expiry, f'"exp":{spelled}').encode()
    yield "exp-absent", "a token without an end", text.replace(f"{expiry},", "").encode()
    yield "gen-bool", "not an integer", text.replace('"gen":0', '"gen":false').encode()
    yield "kind-unknown", "no kind of ours", text.replace('"subscriber"', '"root"').encode()
    yield "scope-string", "a list here", text.replace("[]", '"sat:refresh"').encode()
    yield "sub-no-uuid", "not an id", text.replace(SUBSCRIBER["sub"], "alice").encode()
    yield "claims-array", "not an object", b"[]"
    yield "claims-cut-off", "no JSON", text[:-1].encode()
    yield "claims-not-utf-8", "no text", text.encode().replace(b"satmint", b"\xff\xfe")


def bad_texts() -> Iterator[tuple[str, str, str]]:
    """Name, reason and the whole token; spoiled after it was sealed."""
    token, parts = GOOD.token(), GOOD.parts()
    yield "empty", "nothing", ""
    yield "dots", "five empty parts", "...."
    yield "four-parts", "RFC 7516, section 5.2, step 1", ".".join([*parts[:1], *parts[2:]])
    yield "six-parts", "RFC 7516, section 5.2, step 1", f"{token}."
    unsigned = f"{b64url(json.dumps({'alg': 'none'}).encode())}.{b64url(b'{}')}."
    yield "signed-instead", "a JWS with alg none", unsigned
    yield (
        "key-part",
        "direct encryption has none (RFC 7516, section 5.2, step 10)",
        with_part(1, lambda _: "AAAA"),
    )
    yield "key-part-blank", "not empty either", with_part(1, lambda _: " ")
    for at, name in ((0, "header"), (2, "iv"), (3, "ciphertext"), (4, "tag")):
        yield f"{name}-missing", "an empty part", with_part(at, lambda _: "")
        yield f"{name}-padded", "no padding in JOSE", with_part(at, lambda part: part + "=")
        yield f"{name}-line-end", "no white space in JOSE", with_part(at, lambda part: part + "\n")
        yield f"{name}-bit-flip-first", "tampered with", flipped(at, 0)
        yield f"{name}-bit-flip-last", "tampered with", flipped(at, -1)
        yield f"{name}-one-less", "a character short", with_part(at, lambda part: part[:-1])
        yield f"{name}-one-more", "a character too many", with_part(at, lambda part: part + "A")
    yield "header-salt-flip", "tampered with, still JSON", with_part(0, salt_flipped)
    odd = next(longer for longer in padded_recipes() if len(longer.parts()[3]) % 4)
    yield "ciphertext-other-spelling", "stray bits", with_part(3, other_spelling, odd)
    yield "tag-other-spelling", "stray bits", with_part(4, other_spelling)
    odd = next(longer for longer in padded_recipes() if len(longer.parts()[0]) % 4)
    yield "header-other-spelling", "stray bits", with_part(0, other_spelling, odd)
    for at, name in ((2, "iv"), (3, "ciphertext"), (4, "tag")):
        yield f"{name}-standard-alphabet", "base64 with + and /", standard_alphabet(at)
    yield "not-ascii", "digits of another script", with_part(2, lambda part: part[:-1] + "\u0661")
    yield "nul", "the end of a C string", with_part(4, lambda part: part[:-1] + "\0")
    yield "lone-surrogate", "no character", with_part(4, lambda part: part[:-1] + "\ud800")
    yield "leading-blank", "no white space in JOSE", " " + token
    yield "trailing-blank", "no white space in JOSE", token + " "
    yield "cut-in-half", "truncated", token[: len(token) // 2]
    for moved in (1, 3, -1, -3):
        text = split_elsewhere(moved)
        yield f"tag-of-{16 + moved}", "the same bytes, another spelling of the token", text
    yield "tag-12-bytes", "a shorter tag is easier to guess", Recipe(tag_bytes=12).token()
    yield "iv-11-bytes", "an IV of another length", Recipe(iv=octets("iv", 11)).token()
    yield "iv-13-bytes", "an IV of another length", Recipe(iv=octets("iv", 13)).token()
    yield "iv-16-bytes", "an IV of another length", Recipe(iv=octets("iv", 16)).token()
    foreign = Recipe(master=FOREIGN)
    yield "other-deployment", "the same ids, another deployment's key", foreign.token()
    unsalted = Recipe(salt=b64url(bytes(16)))
    yield "derived-without-salt", "not the key that kid names", unsalted.token()
    yield "under-the-master-key", "never a master key itself", under_the_master_key()
    for at, name in ((0, "header"), (2, "iv"), (3, "ciphertext"), (4, "tag")):
        crossed = [*parts[:at], another_token().parts()[at], *parts[at + 1 :]]
        yield f"swapped-{name}", "two good tokens crossed", ".".join(crossed)
    yield "one-character-too-long", "over 8 KiB", of_length(LONGEST + 1)
    yield "far-too-long", "over 8 KiB", "A" * 10_000
    yield "many-dots", "over 8 KiB of nothing", "." * 10_000


def cases() -> Iterator[Json]:
    """Every vector, the good ones first."""
    for name, why, typ, recipe in good():
        claims = recipe.claims or SUBSCRIBER
        yield vector(name, why, typ, recipe.token(), claims, recipe.ch)
    yield vector("longest", "8 KiB to the character", "SAT", of_length(LONGEST), SUBSCRIBER, None)
    refresh = Recipe(typ="Refresh")
    yield vector("refresh-as-sat", "a refresh token is no SAT", "SAT", refresh.token())
    yield vector("sat-as-refresh", "a SAT is no refresh token", "Refresh", GOOD.token())
    posing = Recipe(typ="Refresh", derived_for="SAT")
    yield vector("sat-posing-as-refresh", "confused typ", "Refresh", posing.token())
    posing = Recipe(typ="SAT", derived_for="Refresh")
    yield vector("refresh-posing-as-sat", "confused typ", "SAT", posing.token())
    for name, why, header in bad_headers():
        yield vector(name, why, "SAT", Recipe(header=header).token())
    raw = Recipe(raw_header=GOOD.header_text().encode("utf-16"))
    yield vector("header-utf-16", "no UTF-8", "SAT", raw.token())
    for name, why, plaintext in bad_claims():
        yield vector(name, why, "SAT", Recipe(plaintext=plaintext).token())
    yield vector("claims-empty", "no plaintext", "SAT", Recipe(plaintext=b"").token())
    for name, why, text in bad_texts():
        yield vector(name, why, "SAT", text)


def vector(
    name: str, why: str, typ: str, token: str, claims: Json | None = None, ch: str | None = None
) -> Json:
    """One vector; with claims it opens, without it does not."""
    case: Json = {"name": name, "why": why, "open_as": typ, "token": token}
    if claims is None:
        return {**case, "verdict": "cannot_open"}
    return {**case, "verdict": "opens", "claims": claims, "ch": ch}


def text() -> str:
    """The file."""
    return json.dumps({"keyring": KEYRING, "cases": list(cases())}, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
