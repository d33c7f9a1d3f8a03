"""Tokens, at the opener."""

from pathlib import Path
from random import Random
from uuid import UUID

from satmint.jose import Keyring, TokenCipher
from satmint.jose.token_cipher import CannotOpen
from satmint.model.claims import Claims, Kind, TokenType, token_id
from tests.fuzz.mutations import as_json, decoded, encoded, spoil, spoil_members
from tests.fuzz.targets import ACCEPTED, Found, Target, place_of
from tests.gateway.protocol_setup import PROJECT, SESSION, SUBSCRIBER
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy

NAMES = ("alg", "enc", "typ", "ch", "kid", "zip", "crit", "cty", "epk", "apu", "tag", "iv")


class Tokens(Target):
    """Nothing opens but what was sealed here, as what it was sealed as."""

    name = "tokens"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        first = Keyring.new(SeededEntropy("first"), NOW)
        elsewhere = TokenCipher(
            Keyring.new(SeededEntropy("elsewhere"), NOW), SeededEntropy("elsewhere")
        )
        old = TokenCipher(first, SeededEntropy("old"))
        ring = first.rotate(SeededEntropy("second"), NOW)
        self._safe = TokenCipher(ring, SeededEntropy("now"))
        self._good: dict[tuple[bytes, TokenType], Claims] = {}
        self._others: list[bytes] = []
        for number, kind in enumerate(Kind):
            for typ in TokenType:
                claims = _claims(kind, number, typ)
                for cipher in (old, self._safe):
                    ch = None if number % 2 else "puc.example.com"
                    self._good[cipher.seal(claims, typ, ch, NOW).encode(), typ] = claims
                self._others.append(elsewhere.seal(claims, typ, None, NOW).encode())
        self._all = [*(text for text, _ in self._good), *self._others]

    async def attempt(self, dice: Random) -> str:
        """See `Target.attempt`."""
        data = dice.choice(self._all)
        match dice.randrange(10):
            case 0:
                pass  # as it is: good for one type, and bad for the other
            case 1 | 2 | 3:
                header, rest = data.split(b".", 1)
                members = spoil_members(dice, decoded(header) or {}, NAMES)
                data = encoded(as_json(dice, members)) + b"." + rest
            case 4:
                parts, at = data.split(b"."), dice.randrange(2, 5)
                parts[at] = encoded(dice.randbytes(len(parts[at]) * 3 // 4))
                data = b".".join(parts)
            case _:
                data = spoil(dice, data, self._all)
        typ = dice.choice((TokenType.SAT, TokenType.REFRESH))
        # As from a header's bytes, or from JSON.
        text = data.decode("latin-1") if dice.random() < 0.5 else data.decode("utf-8", "replace")
        try:
            initial_state = self._safe.open(text, typ)
        except CannotOpen as error:
            return place_of(error.__cause__ or error)
        if self._good.get((text.encode(), typ)) != initial_state.claims:
            raise Found(f"opened as {typ}: {text!r}")
        return ACCEPTED


def _claims(kind: Kind, number: int, typ: TokenType) -> Claims:
    return Claims(
        iss="satmint",
        sub=SUBSCRIBER,
        prj=PROJECT,
        sid=UUID(int=SESSION.int + number),
        gen=number,
        jti=token_id(SESSION, number, typ),
        iat=NOW,
        exp=NOW + 7200,
        epo=0,
        kind=kind,
        scope=("sat:refresh",),
    )
