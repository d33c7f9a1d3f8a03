"""One word, one thing: retired words stay retired, and the glossary is true.

`docs/glossary.md` defines the terms. A retired word is one that a reader of the RFCs would have to
ask about; each has a successor, which the failure names.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.house.tree import ROOT, SDK, SIGNALWIRE, SRC, TESTS, files, named, parsed, python_files

GLOSSARY: Final = ROOT / "docs" / "glossary.md"

RETIRED_NAMES: Final = {
    "Allowance": "RateLimiter",
    "Courier": "WebhookDispatcher",
    "Desk": "HandlerContext",
    "Docket": "PendingWrites",
    "ENDING": "REVOCATION_EVENTS",
    "Examined": "TokenInfo",
    "Figures": "GatewayMetrics",
    "Flight": "RefreshAttempt",
    "Happening": "Input",
    "Judgement": "PossessionResult",
    "Keeper": "RefreshScheduler",
    "Mint": "TokenIssuer, RateLimits or ServiceContext",
    "Misuse": "UsageError",
    "Presented": "RefreshTokenRef",
    "SessionStanding": "StoredSession",
    "Siblings": "MetricsAggregator",
    "Standing": "SessionState",
    "Surroundings": "LifecycleHooks",
    "Swept": "PurgeResult",
    "Vault": "SecretBox",
    "WritingLane": "WriterWorker",
    "close_gate": "lock_project",
    "counted_as": "rate_limit_key",
    "docket": "pending",
    "doubt": "recheck",
    "forgive_call": "refund_call",
    "gates_of": "project_locks",
    "happenings": "inputs",
    "holder_of_opened": "subscriber_caller_of_opened",
    "in_words": "failures_for_user",
    "insist": "transaction",
    "judge": "decide_rotation",
    "judge_at_once": "decide_skip_locked",
    "judge_patiently": "decide",
    "mint": "issuer, limits or context",
    "note_seen": "mark_seen",
    "note_use": "mark_used",
    "on_ending": "on_revocation",
    "only_proof": "single_proof",
    "open_either": "open_any_type",
    "projects_called": "find_projects",
    "purge_for_ever": "run_purge",
    "put_off": "reschedule",
    "rest_after": "retry_delay",
    "settle_memory": "tune_garbage_collector",
    "take_keyring": "reload",
}
"""Names that no class, function, variable, parameter or attribute has, in the product or tests."""

RETIRED_CLASSES: Final = {
    "Caller": "ApiTokenCaller or SubscriberCaller",
    "Callers": "CallerAuthenticator",
    "Condition": "DatabaseHealth",
    "Connections": "ConnectionPool",
    "Crew": "WorkerConfig",
    "Family": "MetricFamily",
    "Fault": "FieldError or InjectedFault",
    "Granted": "DeviceTokenGrant",
    "Held": "CredentialState",
    "Holder": "SubscriberCaller",
    "InUse": "KeyUsage",
    "Kept": "SavedDemo",
    "Lane": "ConnectionWorker",
    "Line": "ClientSocket",
    "Moment": "ClockReading",
    "Move": "RotationDecision",
    "Opened": "OpenedToken or OpenedSession",
    "Order": "WorkerConfig",
    "Passed": "Tick",
    "Place": "Endpoint",
    "Readers": "ReaderPool",
    "Register": "PresenceTracker",
    "Safe": "TokenCipher",
    "Served": "ListenerApp",
    "Shape": "BodySchema",
    "Site": "ListenerContext",
    "Trouble": "DatabaseHealth",
    "Turns": "PipelineQueue",
    "Watch": "RevocationWatcher",
    "Wrong": "InvalidValue",
}
"""Common words that no class of the product has; tests may use them in their usual sense."""

RETIRED_TEXT: Final = {
    r"\bcourier\b": "webhook dispatcher",
    r"\bdocket\b": "pending writes",
    r"\bthe (?:mint|vault|desk)\b": "the server, the secret box, the handler context",
    r"\b(?:lies|laid|lay a key) ready\b": "is prepared, prepare a key",
    r"\bbehind the rules' back\b": "outside of the decision rules",
    r"\bwhoever\b": "name the subject",
}
"""Words and phrases that no documentation, message, help text or docstring of the product has."""

RETIRED_SENTENCES: Final = {
    "Have a good day again": "Reset clock and faults",
    "Have the machine's clock again": "Reset the clock",
    "Have the next requests go wrong": "Inject a fault",
    "What a development server can be told to do wrong": "Fault injection",
    "so is one that comes twice": "duplicate members are rejected",
    "with what it was still to be told": "and its pending deliveries",
    "Have the key that `add` laid ready": "Activate the prepared key",
    "this is no token of this deployment": "unknown token",
    "whole, and of the present schema": "OK, schema is up to date",
    "There were more requests of this kind than are let through": "Rate limit exceeded",
    "The server knows who is asking, and that one may not do this": "Permission denied",
    "Done; there is nothing to tell": "No content",
    "Something to resume this session with, later": "State for resuming the session",
    "If that was nobody of yours": "If this was not you",
    "Whether the database answers and its schema is current": "Readiness: database reachable",
    "What a token says, and whether it is good": "Introspect a token (RFC 7662)",
}

_PRODUCT: Final = (SRC, SDK, SIGNALWIRE)
_DOMAIN: Final = ("model", "jose", "dpop", "store", "gateway")
"""Rooms whose classes define terms; those of the others present them."""
_CODE: Final = (*_PRODUCT, TESTS, ROOT / "packages", ROOT / "benchmarks")
_NOT_CHECKED: Final = frozenset({GLOSSARY, ROOT / "CHANGELOG.md", Path(__file__)})
"""Where retired words are named: as history, or to be found."""
_TEXT_SUFFIXES: Final = frozenset({".md", ".html", ".js", ".txt", ".toml", ".py", ".yaml", ".yml"})


class Term(NamedTuple):
    """A row of the glossary."""

    name: str
    definition: str
    source: str


@cache
def terms() -> tuple[Term, ...]:
    """The rows of the glossary, in order."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", GLOSSARY.read_text(), re.MULTILINE)
    return tuple(Term(*row) for row in rows if row[0] != "term")


def identifiers(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every name that a module defines or uses, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name, node.lineno
            case ast.AsyncFunctionDef(name=name) | ast.alias(name=name):
                yield name, node.lineno
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name, node.lineno
            case ast.keyword(arg=str(name)):
                yield name, node.value.lineno
            case _:
                pass


def retired_names(path: Path, tree: ast.Module) -> list[str]:
    """What is wrong with the names of a module."""
    found = []
    for name, line in identifiers(tree):
        successor = RETIRED_NAMES.get(name.lstrip("_"))
        if successor is not None:
            found.append(f"{named(path)}:{line}: {name}, now {successor}")
    return found


def retired_classes(path: Path, tree: ast.Module) -> list[str]:
    """What is wrong with the names of a module's classes."""
    return [
        f"{named(path)}:{node.lineno}: {node.name}, now {RETIRED_CLASSES[node.name.lstrip('_')]}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.lstrip("_") in RETIRED_CLASSES
    ]


def retired_text(path: Path, text: str) -> list[str]:
    """What is wrong with the sentences of a file."""
    found = []
    plain = re.sub(r"[\s\"']*\n[\s\"'#]*", " ", text)
    for pattern, successor in RETIRED_TEXT.items():
        matches = re.finditer(pattern, plain, re.IGNORECASE)
        found += [f"{named(path)}: {m[0]!r}, now {successor}" for m in matches]
    for sentence, successor in RETIRED_SENTENCES.items():
        if sentence in plain:
            found.append(f"{named(path)}: {sentence!r}, now {successor!r}")
    return found


def texts() -> list[Path]:
    """The files that users read: the product with its messages, and its documentation."""
    documents = (
        *(ROOT / "docs", ROOT / "deploy", ROOT / "README.md", ROOT / "CONTRIBUTING.md"),
        *(ROOT / "packages").glob("*/README.md"),
    )
    return [
        path
        for path in files()
        if path.suffix in _TEXT_SUFFIXES
        and path not in _NOT_CHECKED
        and any(path.is_relative_to(place) for place in (*_PRODUCT, *documents))
    ]


def test_retired_names_do_not_come_back() -> None:
    found = [
        line
        for path in python_files(*_CODE)
        if path not in _NOT_CHECKED
        for line in retired_names(path, parsed(path))
    ]
    assert not found, "\n".join(found)


def test_classes_of_the_product_have_no_retired_names() -> None:
    found = [
        line for path in python_files(*_PRODUCT) for line in retired_classes(path, parsed(path))
    ]
    assert not found, "\n".join(found)


def test_retired_sentences_do_not_come_back() -> None:
    found = [
        line for path in texts() for line in retired_text(path, path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_successors_exist() -> None:
    there = {
        name.lstrip("_")
        for path in python_files(*_CODE)
        for name, _ in identifiers(parsed(path))
        if path not in _NOT_CHECKED
    }
    successors = {**RETIRED_NAMES, **RETIRED_CLASSES}.values()
    missing = {name for one in successors for name in re.split(r", | or ", one)} - there
    assert not missing


@pytest.mark.parametrize(
    "source",
    [
        "class Vault: ...",
        "class _Desk: ...",
        "def judge(): ...",
        "def f(mint): ...",
        "x = clock.doubt",
        "f(note_seen=1)",
        "from satmint.flows import Mint",
    ],
)
def test_a_planted_name_is_found(source: str) -> None:
    assert len(retired_names(GLOSSARY, ast.parse(source))) == 1


def test_a_planted_class_is_found() -> None:
    assert len(retired_classes(GLOSSARY, ast.parse("class _Lane: ...\nlane = line = 1"))) == 1


@pytest.mark.parametrize(
    "text",
    ["Ask the mint.", '"Have a good day "\n    "again"', "is whole,\nand of the present schema"],
)
def test_a_planted_sentence_is_found(text: str) -> None:
    assert len(retired_text(GLOSSARY, text)) == 1


def test_glossary_is_alphabetical_and_defines_each_term_once() -> None:
    names = [term.name.lower() for term in terms()]
    assert len(names) > 50
    assert names == sorted(set(names))


def test_definitions_are_one_sentence() -> None:
    for term in terms():
        assert term.definition.endswith("."), term
        assert len(re.findall(r"\.(?: |$)", term.definition)) == 1, term


def test_each_term_is_used() -> None:
    corpus = "\n".join(path.read_text(encoding="utf-8") for path in texts()).lower()
    plain = re.sub(r"\s+(?:# )?", " ", corpus)
    unused = [term.name for term in terms() if term.name.lower() not in plain]
    assert not unused


def test_terms_are_defined_where_the_glossary_says() -> None:
    for term in terms():
        for place, name in re.findall(r"`([\w/.-]+\.py|[\w/]+/)`(?: `(\w+)`)?", term.source):
            path = ROOT / place if place.startswith("packages/") else SRC / place
            assert path.exists(), term
            if name:
                known = {n.name for n in ast.walk(parsed(path)) if isinstance(n, ast.ClassDef)}
                known |= {n.id for n in ast.walk(parsed(path)) if isinstance(n, ast.Name)}
                assert name in known, term


def test_classes_named_like_a_term_are_the_ones_of_the_glossary() -> None:
    classes: dict[str, set[str]] = {}
    for path in python_files(*(SRC / room for room in _DOMAIN)):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                classes.setdefault(node.name, set()).add(str(path.relative_to(SRC)))
    for term in terms():
        name = "".join(word.capitalize() for word in re.split(r"[ -]", term.name))
        for place in classes.get(name, set()):
            assert f"`{place}`" in term.source, f"{term.name}: {name} is a class of {place}"
