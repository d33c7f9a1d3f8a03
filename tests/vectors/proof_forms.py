"""Proofs whose form is bad: their text, or the JSON in it (checks 1 and 2)."""

import json
from collections.abc import Callable, Iterator
from typing import Final

from tests.kit.proofs import Signer, b64url
from tests.vectors.proof_cases import (
    EC,
    Case,
    exchange_proof,
    nested,
    of_length,
    payload,
)
from tests.vectors.proof_signers import ec_signer
from tests.vectors.recipes import other_spelling

PARTS: Final = ("header", "payload", "signature")


def bad_forms() -> Iterator[Case]:
    """All of them; each is spoiled in one place, and signed again where that can be."""
    for name, why, proof in bad_texts():
        yield Case(name, why, proof, "proof_malformed", "exchange")
    for name, why, text in bad_json():
        header = json.dumps(EC.header())[:-1].encode() + b',"x":' + text + b"}"
        proof = EC.compact(header, payload())
        yield Case(f"header-{name}", why, proof, "proof_json", "exchange")
        claims = json.dumps(payload())[:-1].encode() + b',"x":' + text + b"}"
        proof = EC.compact(EC.header(), claims)
        yield Case(f"payload-{name}", why, proof, "proof_json", "exchange")
    for name, why, spoil in bad_objects():
        proof = EC.compact(spoil(json.dumps(EC.header()).encode()), payload())
        yield Case(f"header-{name}", why, proof, "proof_json", "exchange")
        proof = EC.compact(EC.header(), spoil(json.dumps(payload()).encode()))
        yield Case(f"payload-{name}", why, proof, "proof_json", "exchange")
    two_types = json.dumps(EC.header()).replace('"kty": "EC"', '"kty": "RSA", "kty": "EC"')
    proof = EC.compact(two_types.encode(), payload())
    yield Case("key-member-repeated", "which of the two?", proof, "proof_json", "exchange")


def bad_texts() -> Iterator[tuple[str, str, str]]:
    """Name, reason and the whole proof."""
    good = exchange_proof()
    header, claims, signature = parts = good.split(".")
    yield "empty", "nothing", ""
    yield "one-part", "a word", header
    yield "two-parts", "no signature, nor a place for it", f"{header}.{claims}"
    yield "four-parts", "something behind", f"{good}.AAAA"
    yield "four-parts-empty", "something behind", f"{good}."
    yield "five-parts", "a JWE", f"{header}..{claims}.{claims}.{signature}"
    yield "dots", "three empty parts", ".."
    yield "two-proofs", "RFC 9449, section 4.3, check 1", f"{good}, {good}"
    yield "two-proofs-joined", "RFC 9449, section 4.3, check 1", f"{good},{good}"
    for at, name in enumerate(PARTS):
        for spoiled, why, change in SPOILS:
            changed = ".".join([*parts[:at], change(parts[at]), *parts[at + 1 :]])
            yield f"{name}-{spoiled}", why, changed
        odd = next(proof for proof in of_many_lengths() if len(proof.split(".")[at]) % 4)
        pieces = odd.split(".")
        pieces[at] = other_spelling(pieces[at])
        yield f"{name}-other-spelling", "stray bits", ".".join(pieces)
        has_either = next(
            proof for proof in of_many_lengths() if set("-_") & set(proof.split(".")[at])
        )
        pieces = has_either.split(".")
        pieces[at] = pieces[at].replace("-", "+").replace("_", "/")
        yield f"{name}-standard-alphabet", "base64 with + and /", ".".join(pieces)
    members = {"protected": header, "payload": claims, "signature": signature}
    yield "json-serialisation", "RFC 7515, section 7.2.2", json.dumps(members)
    yield "leading-blank", "no white space in JOSE", f" {good}"
    yield "trailing-line-end", "no white space in JOSE", f"{good}\n"
    yield "scheme-before", "no part of the proof", f"DPoP {good}"
    yield "one-character-too-long", "over 8 KiB", of_length(8193)
    yield "far-too-long", "over 8 KiB", "A" * 10_000
    yield "many-dots", "over 8 KiB of nothing", "." * 10_000
    yield "dots-of-8-KiB", "nothing but parts", "." * 8192


SPOILS: Final[list[tuple[str, str, Callable[[str], str]]]] = [
    ("missing", "an empty part", lambda _: ""),
    ("padded", "no padding in JOSE", lambda part: part + "="),
    ("line-end", "no white space in JOSE", lambda part: part + "\n"),
    ("blank-within", "no white space in JOSE", lambda part: f"{part[:9]} {part[9:]}"),
    ("impossible-length", "no bytes have it", lambda part: part + "A" * ((1 - len(part)) % 4)),
    ("nul-character", "the end of a C string", lambda part: part[:-1] + "\0"),
    ("not-ascii", "digits of another script", lambda part: part[:-1] + "\u0661"),
    ("no-character", "half of one", lambda part: part[:-1] + "\ud800"),
]
"""Ways to spoil a part."""


def of_many_lengths() -> Iterator[str]:
    """Good proofs, until one has what is looked for."""
    for number in range(100):
        signer: Signer = ec_signer(f"browser {number}")
        yield signer.http_proof("/", jti="?" * (number + 1), header={"x": "?" * number})


def bad_json() -> Iterator[tuple[str, str, bytes]]:
    """Name, reason and the value of an extra member."""
    yield "nan", "no JSON", b"NaN"
    yield "infinity", "no JSON", b"Infinity"
    yield "minus-infinity", "no JSON", b"-Infinity"
    yield "nan-within", "no JSON", b'[{"a":NaN}]'
    yield "1e999", "infinity by another name", b"1e999"
    yield "minus-1e999-within", "infinity by another name", b"[-1e999]"
    yield "5000-digits", "hours of work for careless readers", b"9" * 5000
    yield "nested-9-deep", "the object and eight arrays", nested(8).encode()
    yield "nested-objects", "nine objects", b'{"a":' * 8 + b"0" + b"}" * 8
    yield "nested-2500-deep", "the end of careless readers' stacks", nested(2500).encode()
    escaped = nested(900).replace("[]", '["\\u0041"]').encode()
    yield "nested-900-deep-escaped", "the end of careless readers' stacks", escaped
    yield "unclosed-5000-deep", "the end of careless readers' stacks", b"[" * 5000
    yield "member-repeated-within", "which of the two?", b'{"a":1,"a":1}'
    yield "member-repeated-deeply", "which of the two?", b'[{"a":[{"b":1,"b":2}]}]'
    yield "member-repeated-escaped", "the same name, spelt otherwise", b'{"a":1,"\\u0061":1}'
    yield "lone-surrogate", "no character", b'"\\ud800"'
    yield "lone-low-surrogate", "no character", b'"\\udc00x"'
    yield "surrogates-swapped", "no character", b'"\\ude00\\ud83d"'
    yield "lone-surrogate-name", "no character", b'{"\\uDFFF":1}'
    yield "nul", "the end of a C string", b'"POST\\u0000"'
    yield "surrogate-bytes", "no UTF-8", b'"\xed\xa0\x80"'
    yield "latin-1", "no UTF-8", b'"\xe9"'
    yield "overlong", "no UTF-8", b'"\xc0\xaf"'
    yield "raw-line-end", "no JSON", b'"\n"'
    yield "single-quotes", "no JSON", b"'a'"
    yield "comment", "no JSON", b"/**/1"
    yield "leading-zero", "no JSON", b"01"
    yield "plus", "no JSON", b"+1"
    yield "hexadecimal", "no JSON", b"0x1"
    yield "word", "no JSON", b"undefined"


def bad_objects() -> Iterator[tuple[str, str, Callable[[bytes], bytes]]]:
    """Name, reason and what is done to the whole."""
    yield "utf-16", "no UTF-8", lambda text: text.decode().encode("utf-16")
    yield "utf-16-unmarked", "no UTF-8", lambda text: text.decode().encode("utf-16-le")
    yield "byte-order-mark", "no JSON", lambda text: b"\xef\xbb\xbf" + text
    yield "cut-off", "no JSON", lambda text: text[:-1]
    yield "twice", "two objects", lambda text: text * 2
    yield "nul-behind", "something behind", lambda text: text + b"\0"
    yield "comma-at-the-end", "no JSON", lambda text: text[:-1] + b",}"
    yield "in-an-array", "no object", lambda text: b"[" + text + b"]"
    yield "in-a-string", "no object", lambda text: json.dumps(text.decode()).encode()
    yield "in-base64", "no JSON", lambda text: b64url(text).encode()
    yield "null", "no object", lambda _: b"null"
    yield "number", "no object", lambda _: b"1700000000"
    yield "white-space", "no JSON", lambda _: b" "
    yield "first-member-twice", "which of the two?", repeat_first
    yield "first-member-twice-escaped", "the same name, spelt otherwise", repeat_first_escaped
    yield "form", "no JSON", lambda _: b"typ=dpop%2Bjwt&alg=none"


def repeat_first(text: bytes) -> bytes:
    """An object whose first member comes again, with another value."""
    name = text[1:].partition(b":")[0]
    return text[:-1] + b"," + name + b':"x"}'


def repeat_first_escaped(text: bytes) -> bytes:
    """The same, and the second time the name is spelt in escapes."""
    name = json.loads(text[1:].partition(b":")[0])
    escaped = "".join(f"\\u{ord(character):04x}" for character in name)
    return text[:-1] + f',"{escaped}":"x"}}'.encode()
