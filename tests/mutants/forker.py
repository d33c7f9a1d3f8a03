"""A pytest plugin that collects once and then runs tests on mutants, each in a fork of its own.

It stands alone: it runs in the room's interpreter, from a copy beside the room's source. A fork
gives the functions of the mutated module the mutant's code, and runs tests until one fails.

Environment:
    MUTANTS_SOCKET: The file descriptor of a socket. Each line of it is a command in JSON (`file`,
        `source`, `tests`, `limits` in seconds) or an answer (`outcome`, `test`). The first line,
        from here, is empty: the tests are collected.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType
from typing import Any, Final

import pytest

_ENDING_SECONDS: Final = 20.0
_PASSED: Final = "passed"
_FAILED: Final = "failed"
_NOT_REPLACED: Final = "not replaced"
_failures: Final[list[str]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note that a phase of a test failed."""
    if report.failed:
        _failures.append(report.nodeid)


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run what the socket says, until its other end is closed."""
    if session.testsfailed:
        return None  # pytest ends with an error
    with socket.socket(fileno=int(os.environ["MUTANTS_SOCKET"])) as channel:
        stream = channel.makefile("rw", encoding="utf-8")
        print(file=stream, flush=True)
        for line in stream:
            print(json.dumps(_try_in_fork(session, json.loads(line))), file=stream, flush=True)
    return True


def _try_in_fork(session: pytest.Session, command: dict[str, Any]) -> dict[str, Any]:
    """Carry out a command in a fork."""
    limits = command.pop("limits")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            os.close(reading)
            _run(session, writing, **command)
        finally:
            os._exit(0)
    os.close(writing)
    outcome, test = "crashed", 0
    buffer, limit = b"", _ENDING_SECONDS
    while True:
        if not select.select([reading], [], [], limit)[0]:
            outcome = "hung" if outcome == "crashed" else outcome
            break
        if not (data := os.read(reading, 4096)):
            break
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            if line.isdigit():
                test = int(line)
                limit = limits[test]
            else:
                outcome, limit = line.decode(), _ENDING_SECONDS
    os.close(reading)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return {"outcome": outcome, "test": test}


def _run(
    session: pytest.Session, writing: int, file: str, source: str | None, tests: Sequence[str]
) -> None:
    """Tell of each test that begins, by its number, and of the outcome."""
    if source is not None and not replace_code(file, source):
        os.write(writing, f"{_NOT_REPLACED}\n".encode())
        return
    by_name = {item.nodeid: item for item in session.items}
    items = [by_name.get(name) for name in tests]
    for number, item in enumerate(items):
        if item is None:
            continue  # the mutant changed its parameters
        following = next((each for each in items[number + 1 :] if each is not None), None)
        os.write(writing, b"%d\n" % number)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if _failures:
            os.write(writing, f"{_FAILED}\n".encode())
            session._setupstate.teardown_exact(None)
            return
    os.write(writing, f"{_PASSED}\n".encode())


def replace_code(file: str, source: str) -> bool:
    """Give the live functions of a module the code of another version of it.

    Returns:
        False if that cannot be done: two functions have one name, or close over other variables.
    """
    new: dict[str, CodeType] = {}
    for code in _codes_in(compile(source, file, "exec", dont_inherit=True)):
        if code.co_qualname in new and not code.co_name.startswith("<"):
            return False
        new[code.co_qualname] = code
    gc.unfreeze()  # what is frozen, as by tests/conftest.py, is in no list of objects
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and function.__code__.co_filename == file:
            name = function.__code__.co_qualname
            if name not in new or function.__code__.co_name.startswith("<"):
                continue
            try:
                function.__code__ = new[name]
            except ValueError:
                return False
    return True


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_in(constant)
