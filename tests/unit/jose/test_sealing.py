"""Sealing and opening: working keys come and go in time, and no stranger can flush them."""

from typing import Final
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from satmint.jose import CannotOpen, Keyring, TokenCipher, token_cipher
from satmint.jose._rfc7516 import Header
from satmint.jose.token_cipher import OpenedToken, TokenOpener, TokenSealer
from satmint.model.base64url import b64url
from satmint.model.claims import Claims, Kind, TokenType, token_id
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy
from tests.unit.jose.token_parts import header_of, kid_of

SESSION: Final = UUID(int=3)
CLAIMS: Final = Claims(
    iss="satmint",
    sub=UUID(int=1),
    prj=UUID(int=2),
    sid=SESSION,
    gen=0,
    jti=token_id(SESSION, 0, TokenType.SAT),
    iat=NOW,
    exp=NOW + 7200,
    epo=0,
    kind=Kind.SUBSCRIBER,
    scope=(),
)
RING: Final = Keyring.new(SeededEntropy("sealing"), NOW)


@pytest.fixture
def sealer() -> TokenSealer:
    return TokenSealer(RING, SeededEntropy("sealer"))


@pytest.fixture
def opener() -> TokenOpener:
    return TokenOpener(RING, SeededEntropy("opener"))


@pytest.mark.parametrize("typ", TokenType)
@pytest.mark.parametrize("ch", [None, "puc.example.com:8443"])
def test_what_is_sealed_opens_as_what_it_was(
    sealer: TokenSealer, opener: TokenOpener, typ: TokenType, ch: str | None
) -> None:
    token = sealer.seal(CLAIMS, typ, ch, NOW)
    assert opener.open(token, typ) == OpenedToken(CLAIMS, ch)
    assert opener.open(token, typ) == OpenedToken(CLAIMS, ch)
    assert header_of(token)["typ"] == typ.value


def test_token_of_one_type_never_opens_as_the_other(
    sealer: TokenSealer, opener: TokenOpener
) -> None:
    for typ, other in ((TokenType.SAT, TokenType.REFRESH), (TokenType.REFRESH, TokenType.SAT)):
        token = sealer.seal(CLAIMS, typ, None, NOW)
        for _ in range(2):
            with pytest.raises(CannotOpen):
                opener.open(token, other)
            assert opener.open(token, typ).claims == CLAIMS


def test_no_iv_comes_twice_and_equal_claims_make_different_tokens(sealer: TokenSealer) -> None:
    tokens = [sealer.seal(CLAIMS, TokenType.SAT, None, NOW) for _ in range(600)]
    ivs = {token.split(".")[2] for token in tokens}
    assert len(ivs) == len(tokens)
    assert len({kid_of(token) for token in tokens}) == 1


def test_salt_is_renewed_after_an_hour(sealer: TokenSealer, opener: TokenOpener) -> None:
    tokens = [sealer.seal(CLAIMS, TokenType.SAT, None, NOW + at) for at in (0, 3599, 3600, 7199)]
    kids = [kid_of(token) for token in tokens]
    assert kids[0] == kids[1] != kids[2] == kids[3]
    assert {kid.partition(".")[0] for kid in kids} == {RING.active.id}
    assert [opener.open(token, TokenType.SAT).claims for token in tokens] == [CLAIMS] * 4


def test_salt_is_renewed_after_2_to_the_24_tokens(sealer: TokenSealer) -> None:
    first = kid_of(sealer.seal(CLAIMS, TokenType.SAT, None, NOW))
    working = sealer._working
    assert working is not None
    assert working.uses_left == (1 << 24) - 1
    working.uses_left = 1
    assert kid_of(sealer.seal(CLAIMS, TokenType.REFRESH, None, NOW)) == first
    assert kid_of(sealer.seal(CLAIMS, TokenType.SAT, None, NOW)) != first


def test_both_types_share_a_salt_and_not_a_key(sealer: TokenSealer) -> None:
    sat, refresh = (sealer.seal(CLAIMS, typ, None, NOW) for typ in TokenType)
    assert kid_of(sat) == kid_of(refresh)
    assert sealer._working is not None
    keys, nonce = sealer._working.keys, bytes(12)
    sealed = {key.encrypt(nonce, b"the same", None) for key in keys.values()}
    assert len(sealed) == 2


def test_two_processes_never_share_a_working_key() -> None:
    one, other = (TokenSealer(RING, SeededEntropy(seed)) for seed in ("one", "other"))
    assert kid_of(one.seal(CLAIMS, TokenType.SAT, None, NOW)) != kid_of(
        other.seal(CLAIMS, TokenType.SAT, None, NOW)
    )


def test_derived_keys_are_kept_up_to_a_bound_and_the_oldest_goes_first(
    opener: TokenOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_cipher, "_CACHED_KEYS", 3)
    sealers = [TokenSealer(RING, SeededEntropy(f"process {number}")) for number in range(5)]
    tokens = [sealer.seal(CLAIMS, TokenType.SAT, None, NOW) for sealer in sealers]
    for token in tokens:
        opener.open(token, TokenType.SAT)
    assert list(opener._verified_keys) == [token.split(".")[0].encode() for token in tokens[2:]]
    assert [opener.open(token, TokenType.SAT).claims for token in tokens] == [CLAIMS] * 5
    assert len(opener._verified_keys) == 3


def test_at_most_4096_derived_keys_are_cached(sealer: TokenSealer, opener: TokenOpener) -> None:
    for _ in range(4096 + 1):
        sealer._working = None  # a new salt
        opener.open(sealer.seal(CLAIMS, TokenType.SAT, None, NOW), TokenType.SAT)
    assert len(opener._verified_keys) == 4096


def test_256_tokens_take_their_ivs_from_one_system_call(monkeypatch: pytest.MonkeyPatch) -> None:
    entropy, drawn = SeededEntropy(), list[int]()
    take = entropy.take

    def counted(count: int) -> bytes:
        drawn.append(count)
        return take(count)

    monkeypatch.setattr(entropy, "take", counted)
    sealer = TokenSealer(RING, entropy)
    for _ in range(256):
        sealer.seal(CLAIMS, TokenType.SAT, None, NOW)
    assert drawn == [16, 256 * 12]
    sealer.seal(CLAIMS, TokenType.SAT, None, NOW)
    assert drawn == [16, 256 * 12, 256 * 12]


def test_invented_key_ids_leave_no_trace_in_the_cache(
    sealer: TokenSealer, opener: TokenOpener
) -> None:
    token = sealer.seal(CLAIMS, TokenType.SAT, None, NOW)
    opener.open(token, TokenType.SAT)
    kept = dict(opener._verified_keys)
    entropy = SeededEntropy("attacker")
    for master in (RING.active.id, "nobody"):
        for _ in range(20):
            kid = f"{master}.{b64url(entropy.take(16))}"
            header = Header(TokenType.SAT, kid).encode().decode()
            forged = ".".join([header, *token.split(".")[1:]])
            with pytest.raises(CannotOpen):
                opener.open(forged, TokenType.SAT)
    assert opener._verified_keys == kept


def test_unknown_key_id_is_tried_with_a_decoy_like_any_bad_tag(
    sealer: TokenSealer, opener: TokenOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived: list[bytes] = []
    derive = token_cipher.derive_working_key

    def watched(master: bytes, salt: bytes, typ: TokenType) -> AESGCM:
        derived.append(master)
        return derive(master, salt, typ)

    token = sealer.seal(CLAIMS, TokenType.SAT, None, NOW)
    monkeypatch.setattr(token_cipher, "derive_working_key", watched)
    refusals = []
    for master_id in (RING.active.id, "nobody"):
        header = Header(TokenType.SAT, f"{master_id}.{b64url(bytes(16))}").encode().decode()
        with pytest.raises(CannotOpen) as refusal:
            opener.open(".".join([header, *token.split(".")[1:]]), TokenType.SAT)
        refusals.append(repr(refusal.value) + repr(refusal.value.__cause__))
    assert derived == [RING.active.secret, opener._decoy]
    assert opener._decoy not in {key.secret for key in RING.keys}
    assert refusals == ["CannotOpen('not a token of this deployment')InvalidTag()"] * 2


def test_nothing_issued_before_a_rotation_breaks_until_the_key_is_forgotten() -> None:
    entropy = SeededEntropy("safe")
    cipher = TokenCipher(RING, entropy)
    before = cipher.seal(CLAIMS, TokenType.REFRESH, None, NOW)
    rotated = RING.rotate(entropy, NOW)
    cipher.reload(rotated)
    after = cipher.seal(CLAIMS, TokenType.REFRESH, None, NOW)
    assert kid_of(before).partition(".")[0] == RING.active.id
    assert kid_of(after).partition(".")[0] == rotated.active.id
    assert [cipher.open(token, TokenType.REFRESH).claims for token in (before, after)] == [
        CLAIMS
    ] * 2
    cipher.reload(rotated.remove(RING.active.id))
    assert cipher.open(after, TokenType.REFRESH).claims == CLAIMS
    with pytest.raises(CannotOpen):
        cipher.open(before, TokenType.REFRESH)


def test_tokens_that_name_an_unknown_key_are_counted_across_reloads() -> None:
    entropy = SeededEntropy("counted")
    cipher = TokenCipher(RING, entropy)
    elsewhere = TokenCipher(Keyring.new(SeededEntropy("elsewhere"), NOW), entropy)
    foreign = elsewhere.seal(CLAIMS, TokenType.SAT, None, NOW)
    own = cipher.seal(CLAIMS, TokenType.SAT, None, NOW)
    for token in (foreign, own[:-1] + ("A" if own[-1] != "A" else "B"), "eyJ.no.token"):
        with pytest.raises(CannotOpen):
            cipher.open(token, TokenType.SAT)
    assert cipher.unknown_keys == 1
    cipher.reload(RING.rotate(entropy, NOW))
    with pytest.raises(CannotOpen):
        cipher.open(foreign, TokenType.SAT)
    assert cipher.open(own, TokenType.SAT).claims == CLAIMS
    assert cipher.unknown_keys == 2


def test_server_with_the_key_laid_ready_opens_what_one_that_rotated_first_makes() -> None:
    entropy = SeededEntropy("ready")
    prepared = RING.add(entropy, NOW)
    slow, quick = (
        TokenCipher(prepared, entropy),
        TokenCipher(prepared.rotate(entropy, NOW), entropy),
    )
    token = quick.seal(CLAIMS, TokenType.SAT, None, NOW)
    assert kid_of(token).partition(".")[0] == prepared.keys[0].id
    assert slow.open(token, TokenType.SAT).claims == CLAIMS
    still = slow.seal(CLAIMS, TokenType.SAT, None, NOW)
    assert kid_of(still).partition(".")[0] == RING.active.id


def test_token_of_another_deployment_is_none_of_ours(opener: TokenOpener) -> None:
    other = Keyring.new(SeededEntropy("elsewhere"), NOW)
    twin = renamed(other, RING.active.id)
    for ring in (other, twin):
        token = TokenSealer(ring, SeededEntropy()).seal(CLAIMS, TokenType.SAT, None, NOW)
        with pytest.raises(CannotOpen):
            opener.open(token, TokenType.SAT)


def renamed(ring: Keyring, key_id: str) -> Keyring:
    """`ring` under another key's id."""
    return Keyring.from_jwks(ring.to_jwks().replace(ring.active.id, key_id))


def test_refusal_says_nothing_of_the_token(opener: TokenOpener) -> None:
    with pytest.raises(CannotOpen) as refusal:
        opener.open("secret..A.A.A", TokenType.SAT)
    assert "secret" not in repr(refusal.value) + repr(refusal.value.__cause__)


def test_rights_are_claims_like_any_other(sealer: TokenSealer, opener: TokenOpener) -> None:
    addr = (UUID(int=9), UUID(int=8))
    guest = msgspec.structs.replace(CLAIMS, kind=Kind.GUEST, addr=addr)
    assert opener.open(sealer.seal(guest, TokenType.SAT, None, NOW), TokenType.SAT).claims == guest
