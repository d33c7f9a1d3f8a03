"""Every wire case, in every form, over HTTP and HTTPS, against a real server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.kit.dev import running_dev
from tests.kit.wire_cases import Case, load_cases
from tests.kit.wire_runner import Target, run_cases, targets_of

CASES: Final = load_cases(Path(__file__).with_name("cases"))
CONTRACT: Final = Path(__file__).parents[3] / "shared" / "cases" / "http-wire.json"
"""The cases of the contract, where they lie beside the checkout."""
FEWEST: Final = 150


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Target]]:
    with running_dev(tmp_path_factory.mktemp("wire")) as dev:
        yield targets_of(dev)


@pytest.fixture(scope="module")
def problems(request: pytest.FixtureRequest, targets: list[Target]) -> dict[str, list[str]]:
    """What is wrong with each selected case; they all run side by side, for the first of them."""
    chosen = {
        item.callspec.id
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == test_case_holds.__name__
    }
    return asyncio.run(run_cases(targets, [case for case in CASES if case.name in chosen]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_holds(case: Case, problems: dict[str, list[str]]) -> None:
    assert problems[case.name] == [], case.why


def test_there_are_many_cases_and_each_has_a_name_and_a_reason() -> None:
    assert len(CASES) >= FEWEST
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)
    assert [case.name for case in CASES if "RFC " not in case.why] == []


def test_cases_of_the_contract_hold(targets: list[Target]) -> None:
    """They are among the cases here; one that is not, or that differs, is run as it is."""
    if not CONTRACT.is_file():
        pytest.skip("The cases of the contract, shared/cases/http-wire.json, are not there.")
    held = {case.name: case for case in CASES}
    others = [case for case in load_cases(CONTRACT) if not is_held(case, held.get(case.name))]
    found = asyncio.run(run_cases(targets, others))
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def is_held(case: Case, ours: Case | None) -> bool:
    """Whether a case here sends the same, and asks for all that a case of the contract asks for."""
    return (
        ours is not None
        and (ours.segments, ours.after) == (case.segments, case.after)
        and len(ours.answers) == len(case.answers)
        and all(
            (mine.statuses, mine.contains, mine.header) == (one.statuses, one.contains, one.header)
            for mine, one in zip(ours.answers, case.answers, strict=True)
        )
    )
