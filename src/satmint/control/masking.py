"""Replaces tokens and other secrets in what is recorded of a request.

What cannot be read as JSON is not kept at all, because nothing says which parts of it are secret.
"""

import base64
import json
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from satmint.flows.introspect import open_any_type
from satmint.jose import TokenCipher
from satmint.model.claims import TokenType
from satmint.model.recorded_exchange import SeenToken

KEPT_BYTES: Final = 64 * 1024
"""A longer body is not kept."""
_SHOWN_CHARACTERS: Final = 16 * 1024
_MAX_TOKENS: Final = 8
_SECRET_NAME: Final = re.compile(
    r"token|secret|passw|jwt|authorization|cookie|proof|dpop|credential|private|api.?key",
    re.IGNORECASE,
)
_PLAIN_NAME: Final = re.compile(r"(_id|_at|_type|_count|page_token)$", re.IGNORECASE)
_SHAPES: Final = re.compile(
    r"eyJ[A-Za-z0-9_.=-]{8,}|PT[0-9A-Za-z]{16,}|c2c_[0-9A-Za-z]{8,}|whsec_[A-Za-z0-9+/=_-]+"
    r"|(?i:basic|bearer|dpop)\s+[A-Za-z0-9+/=._~-]{8,}"
)
_SMALL_SHAPES: Final = re.compile(_SHAPES.pattern.replace("(?i:", "(?:"), re.IGNORECASE)
_LONGEST_NAME: Final = 64
_TYPES: Final = {TokenType.SAT: "SAT", TokenType.REFRESH: "refresh token"}
_SHORTEST_SECRET: Final = 4


class Masking:
    """Masks the texts of one exchange, and remembers what it has found there."""

    def __init__(self, cipher: TokenCipher) -> None:
        self._cipher = cipher
        self._labels: dict[str, str] = {}
        """The secrets that were found, with what they are."""
        self.tokens: list[SeenToken] = []

    def learn(self, secrets: Iterable[str], label: str = "secret") -> None:
        """Remember secrets, so that they are replaced wherever they are."""
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET:
                self._labels.setdefault(secret, label)

    def body(self, body: bytes, size: int) -> str:
        """A body to show.

        Args:
            body: Its bytes; at most `KEPT_BYTES` of them.
            size: How many it has in all.
        """
        if not size:
            return ""
        if size > len(body):
            return f"[{size:,} bytes, too long to be kept]"
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return f"[{size:,} bytes that are not JSON are not kept]"
        try:
            shown = json.dumps(self._value(value, hidden=False), indent=2, ensure_ascii=False)
        except RecursionError:
            return f"[{size:,} bytes, nested too deeply]"
        if len(shown) > _SHOWN_CHARACTERS:
            return f"{shown[:_SHOWN_CHARACTERS]}\n[cut; {size:,} bytes in all]"
        return shown

    def target(self, path: str, query: bytes) -> str:
        """A path with its query."""
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        parts = [
            f"{self.text(name)}={self._hide(value) if _is_secret(name) else self.text(value)}"
            for name, value in pairs
        ]
        return f"{self.text(path)}{'?' if parts else ''}{'&'.join(parts)}"[:_SHOWN_CHARACTERS]

    def headers(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
        """Header lines."""
        return [
            (self._header_name(name), self._header(name.lower(), value))
            for name, value in (
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in headers
            )
        ]

    def text(self, text: str) -> str:
        """A text of no known meaning."""
        masked = _SHAPES.sub(lambda found: self._hide(found[0]), text)
        return self.sweep(masked)

    def sweep(self, text: str) -> str:
        """Replace the secrets that were found anywhere in the exchange."""
        for secret in sorted(self._labels, key=len, reverse=True):
            if secret in text:
                text = text.replace(secret, _mask(self._labels[secret]))
        return text

    def _header_name(self, name: str) -> str:
        """The name of a header. By the time it comes, its letters are small."""
        if len(name) > _LONGEST_NAME or _SMALL_SHAPES.search(name):
            return _mask("name of a header")
        return self.text(name)

    def _header(self, name: str, value: str) -> str:
        if name not in ("authorization", "proxy-authorization"):
            return self._hide(value) if _is_secret(name) else self.text(value)
        scheme, _, credentials = value.partition(" ")
        if scheme.lower() not in ("basic", "bearer", "dpop") or not credentials:
            return self._hide(value)
        if scheme.lower() != "basic":
            return f"{scheme} {self._hide(credentials.strip())}"
        self.learn([credentials.strip()])
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:
            return f"{scheme} {_mask('secret')}"
        return f"{scheme} {self.text(user)}:{self._hide(password, 'API token')}"

    def _value(self, value: Any, *, hidden: bool, label: str = "secret") -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, dict):
            return {
                self.text(name): self._value(
                    one,
                    hidden=hidden or _is_secret(name),
                    label="password" if "passw" in name.lower() else label,
                )
                for name, one in value.items()
            }
        if isinstance(value, list):
            return [self._value(one, hidden=hidden, label=label) for one in value]
        if isinstance(value, str):
            return self._hide(value, label) if hidden and value else self.text(value)
        if hidden and value is not None and not isinstance(value, bool):
            return _mask(label)
        return value

    def _hide(self, secret: str, label: str = "secret") -> str:
        """Replace a text that is a secret; decode it if it is a token."""
        known = self._labels.get(secret)
        if known is None:
            known = self._label(secret, label)
            self.learn([secret, unquote(secret)], known)
        return _mask(known)

    def _label(self, secret: str, label: str) -> str:
        if secret.startswith("PT"):
            return "API token"
        if secret.startswith("c2c_"):
            return "Click-to-Call token"
        found = open_any_type(self._cipher, secret) if secret.startswith("eyJ") else None
        if found is None:
            return label
        claims = msgspec.to_builtins(found.opened.claims)
        if len(self.tokens) < _MAX_TOKENS:
            shown = {name: _claim_text(value) for name, value in claims.items()}
            self.tokens.append(SeenToken(_TYPES[found.typ], shown))
        return _TYPES[found.typ]


def _claim_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _mask(label: str) -> str:
    return f"[hidden: {label}]"


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None and _PLAIN_NAME.search(name) is None
