"""Each POST of the API either takes an idempotency key or has a reason not to: see ADR 0016."""

import re
from typing import Final

from satmint.http.operations import BodyHandler
from satmint.http.resources import OPERATIONS
from tests.house.tree import ROOT

PAGE: Final = (ROOT / "docs" / "adr" / "0016-idempotency-keys.md").read_text(encoding="utf-8")
ROW: Final = re.compile(r"^\| `([a-z0-9-]+)` \| (.+) \|$", re.MULTILINE)
POSTS: Final = {
    operation.id: operation
    for operation in OPERATIONS
    if operation.method == "POST" and operation.documented
}


def test_the_table_of_the_decision_has_each_post() -> None:
    assert [name for name, _ in ROW.findall(PAGE)] == list(dict(ROW.findall(PAGE)))
    assert set(dict(ROW.findall(PAGE))) == set(POSTS)


def test_an_operation_repeats_what_the_table_says() -> None:
    for name, decision in ROW.findall(PAGE):
        ignores = decision.startswith("ignored: ")
        assert ignores is (POSTS[name].repeat is None), name


def test_only_a_post_with_a_body_and_a_caller_takes_a_key() -> None:
    for operation in OPERATIONS:
        if operation.repeat is not None:
            assert operation.method == "POST"
            assert isinstance(operation.handler, BodyHandler)
            assert operation.authentication.challenge
            assert operation.authentication.value != "public"
