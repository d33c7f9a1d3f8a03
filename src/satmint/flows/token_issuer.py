"""Issue the tokens of a session."""

import msgspec

from satmint.flows.policy import Policy
from satmint.jose.token_cipher import TokenCipher
from satmint.model.claims import Claims, Confirmation, Jwt, TokenType, token_id
from satmint.model.lifetimes import FOREVER
from satmint.model.rotation import Head
from satmint.model.secrets import HidesFields


class TokenPair(HidesFields, msgspec.Struct, frozen=True):
    """A SAT and its refresh token (seeds 0, 1, 3)."""

    token: Jwt
    refresh_token: Jwt


class TokenIssuer:
    """Encrypts tokens by the policy of the deployment."""

    def __init__(self, cipher: TokenCipher, policy: Policy) -> None:
        self._cipher = cipher
        self._policy = policy
        self._cluster_hosts = policy.cluster_hosts

    def successor_cluster_host(self, ch: str | None) -> str | None:
        """The cluster host for the successor of a token.

        Args:
            ch: The cluster host in the header of the predecessor.

        Returns:
            `ch` if this deployment still has that cluster host; otherwise the default one.
        """
        return ch if ch in self._cluster_hosts else self._policy.cluster_host

    def session_deadline(self, now: int) -> int:
        """The deadline of a session that is opened at `now`, in Unix seconds."""
        max_seconds = self._policy.max_session_seconds
        return FOREVER if max_seconds is None else now + max_seconds

    def seal_access_token(self, claims: Claims, ch: str | None, now: int) -> str:
        """Encrypt `claims` as a SAT.

        Args:
            claims: All claims of the SAT.
            ch: The cluster host for the header.
            now: Unix seconds; not part of the token.
        """
        return self._cipher.seal(claims, TokenType.SAT, ch, now)

    def seal_pair(self, claims: Claims, head: Head, ch: str | None, now: int) -> TokenPair:
        """Encrypt the two tokens of a generation. The results of two calls differ only in the IVs.

        Args:
            claims: The claims of any token of the session. The rights are copied unchanged.
            head: The generation, with its times and its key. The session may have been bound to
                the key after `claims` were issued.
            ch: The cluster host for both headers.
            now: Unix seconds; not part of the tokens.
        """
        access = msgspec.structs.replace(
            claims,
            gen=head.generation,
            jti=token_id(claims.sid, head.generation, TokenType.SAT),
            iat=head.since,
            exp=head.expires_at,
            cnf=None if head.jkt is None else Confirmation(head.jkt),
        )
        refresh = msgspec.structs.replace(
            access,
            jti=token_id(claims.sid, head.generation, TokenType.REFRESH),
            exp=head.refresh_expires_at,
        )
        return TokenPair(
            token=self._cipher.seal(access, TokenType.SAT, ch, now),
            refresh_token=self._cipher.seal(refresh, TokenType.REFRESH, ch, now),
        )
