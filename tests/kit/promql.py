"""PromQL, as far as dashboards and alert rules need it: an expression taken apart or refused.

for found in selectors('sum by (route) (rate(x_total{status="500"}[5m]))'):
    found.metric, found.matchers, found.labels, found.aggregated
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?![\w.]))|(?P<duration>(?:\d+(?:ms|[smhdwy]))+)"
    r'|(?P<name>[a-zA-Z_:][\w:]*)|(?P<text>"(?:[^"\\]|\\.)*")'
    r"|(?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^(){}\[\],=<>]))"
)
_BINARY: Final = ({"or"}, {"and", "unless"}, {"==", "!=", "<", ">", "<=", ">="}, {"+", "-"},
                  {"*", "/", "%"}, {"^"})  # fmt: skip
AGGREGATIONS: Final = frozenset({"sum", "min", "max", "avg", "count"})
RANGE_FUNCTIONS: Final = frozenset({"rate", "increase"})
FUNCTIONS: Final = RANGE_FUNCTIONS | {"histogram_quantile", "absent"}
FUNCTIONS_WITHOUT_ARGUMENT: Final = frozenset({"time"})


class NotPromQL(ValueError):
    """The text is no expression, or one of a kind that is not known here."""


@dataclass(slots=True)
class Selector:
    """Series that an expression asks for."""

    metric: str
    matchers: list[tuple[str, str, str]] = field(default_factory=list)
    """Label, operator, value."""
    labels: set[str] = field(default_factory=set)
    """Those that the aggregations around it keep."""
    aggregated: bool = False


def selectors(expression: str) -> list[Selector]:
    """Everything that an expression asks for.

    Raises:
        NotPromQL: it is none.
    """
    return _Parser(list(_tokens(expression))).whole()


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    at, text = 0, expression.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise NotPromQL(f"not understood: {text[at:]}")
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("end", "")]
        self._at = 0
        self._found: list[Selector] = []

    def whole(self) -> list[Selector]:
        self._binary(0)
        if self._next[0] != "end":
            raise NotPromQL(f"not expected: {self._next[1]}")
        return self._found

    @property
    def _next(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _take(self, kind: str, text: str | None = None) -> str:
        found = self._next
        if found[0] != kind or (text is not None and found[1] != text):
            raise NotPromQL(f"{text or kind} expected, not {found[1] or 'the end'}")
        self._at += 1
        return found[1]

    def _has(self, text: str) -> bool:
        if self._next[1] != text or self._next[0] == "text":
            return False
        self._at += 1
        return True

    def _binary(self, level: int) -> None:
        if level == len(_BINARY):
            self._primary()
            return
        self._binary(level + 1)
        while self._next[0] in ("sign", "name") and self._next[1] in _BINARY[level]:
            self._at += 1
            self._binary(level + 1)

    def _primary(self) -> None:
        if self._has("("):
            self._binary(0)
            self._take("sign", ")")
        elif self._next[0] == "number":
            self._at += 1
        else:
            name = self._take("name")
            if name in AGGREGATIONS:
                self._aggregation()
            elif self._next[1] == "(":
                self._function(name)
            else:
                self._selector(name)

    def _aggregation(self) -> None:
        first = len(self._found)
        kept = self._names() if self._has("by") else set()
        self._arguments()
        for selector in self._found[first:]:
            selector.aggregated = True
            selector.labels |= kept

    def _function(self, name: str) -> None:
        if name in FUNCTIONS_WITHOUT_ARGUMENT:
            self._take("sign", "(")
            self._take("sign", ")")
            return
        if name not in FUNCTIONS:
            raise NotPromQL(f"no function: {name}")
        first = self._at
        self._arguments()
        ranged = any(text == "[" for kind, text in self._tokens[first : self._at] if kind == "sign")
        if name in RANGE_FUNCTIONS and not ranged:
            raise NotPromQL(f"{name} of what has no range")

    def _arguments(self) -> None:
        self._take("sign", "(")
        self._binary(0)
        while self._has(","):
            self._binary(0)
        self._take("sign", ")")

    def _names(self) -> set[str]:
        self._take("sign", "(")
        names = {self._take("name")}
        while self._has(","):
            names.add(self._take("name"))
        self._take("sign", ")")
        return names

    def _selector(self, name: str) -> None:
        selector = Selector(name)
        if self._has("{"):
            while not self._has("}"):
                label = self._take("name")
                operator = self._take("sign")
                if operator not in {"=", "!=", "=~", "!~"}:
                    raise NotPromQL(f"not expected: {operator}")
                value = self._take("text")[1:-1]
                if operator.endswith("~"):
                    re.compile(value)
                selector.matchers.append((label, operator, value))
                if self._next[1] != "}":
                    self._take("sign", ",")
        if self._has("["):
            self._take("duration")
            self._take("sign", "]")
        if self._has("offset"):
            self._take("duration")
        self._found.append(selector)
