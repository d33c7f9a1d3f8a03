"""Crowds hold all the connections that they can, and every other caller is answered in a second.

SATMINT_TEST_CROWD_SECONDS makes each crowd stay longer, such as 60 seconds.
"""

import os
import socket
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from tests.kit.connection_flood import CROWD_SIZE, Crowd
from tests.kit.flood_behaviours import (
    SILENT,
    SLOW_HEAD,
    UNREAD_ANSWER,
    UNREAD_PIPELINE,
    slow_body,
    slow_handshakes,
)
from tests.kit.flood_connection import Behaviour, Target, client_hello
from tests.kit.latency_probe import Probe
from tests.kit.limited_server import OPEN_FILES, Deployment, LimitedServer, limited_server
from tests.kit.polling import wait_until

LONG: Final = os.environ.get("SATMINT_TEST_CROWD_SECONDS")
CROWD_SECONDS: Final = float(LONG or 4)
SHORT_CROWD_SECONDS: Final = 2
RECOVERY_SECONDS: Final = 8
MEMORY_SLACK_MIB: Final = 15
WARM_UP: Final = 20

OWN_FILES: Final = 64
"""What the server keeps for its database and its logs."""
PASSING: Final = 10
"""Connections that are about to be refused, or closed, at a typical moment of counting.

Now and then there are more: all those of a crowd that reconnect in the same instant.
"""
SPARE_FILES: Final = 20
"""Descriptors that no crowd can take."""
FEWEST_HELD: Final = 50
"""A crowd that holds fewer connections than this does not test anything."""

ONE_ADDRESS: Final = ("127.0.0.1",)
SIXTY_ADDRESSES: Final = tuple(f"127.0.0.{number}" for number in range(1, 61))

STOP_AFTER_A_CROWD_SECONDS: Final = 3
STOP_IN_A_CROWD_SECONDS: Final = 5
STOP_WHEN_IDLE_SECONDS: Final = 1
IDLE_CONNECTIONS: Final = 20

pytestmark = pytest.mark.timeout(CROWD_SECONDS + 90)


@dataclass(frozen=True)
class CrowdedServer:
    """A server, a probe that calls it, and what the server used before a crowd came."""

    server: LimitedServer
    target: Target
    probe: Probe
    sockets: int
    files: int
    memory_mib: float

    def has_recovered(self) -> bool:
        """Whether the server uses no more than before."""
        return (
            self.server.open_files() <= self.files
            and self.server.resident_mib() <= self.memory_mib + MEMORY_SLACK_MIB
        )

    def every_behaviour(self) -> tuple[Behaviour, ...]:
        """All kinds of connections, for its scheme."""
        kinds = (UNREAD_PIPELINE, SLOW_HEAD, slow_body(self.probe.auth), UNREAD_ANSWER)
        if self.target.tls is None:
            return *kinds, SILENT
        return *kinds, *slow_handshakes(client_hello(self.target.tls))


@contextmanager
def running(deployment: Deployment, scheme: str, name: str) -> Iterator[CrowdedServer]:
    with limited_server(deployment, scheme, deployment.folder / f"{name}.log") as server:
        tls = deployment.tls() if scheme == "https" else None
        target = Target(server.address(), tls)
        probe = Probe(target.address, deployment.auth, tls)
        sockets = server.open_sockets()
        probe.sign_in()
        for _ in range(WARM_UP):
            probe.once()
        wait_until(lambda: server.open_sockets() <= sockets)
        used = server.open_files(), server.resident_mib()
        yield CrowdedServer(server, target, probe, sockets, *used)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return Deployment.make(tmp_path_factory.mktemp("deployment"))


@pytest.fixture(scope="module")
def http(deployment: Deployment) -> Iterator[CrowdedServer]:
    with running(deployment, "http", "http") as crowded:
        yield crowded


@pytest.fixture(scope="module")
def https(deployment: Deployment) -> Iterator[CrowdedServer]:
    with running(deployment, "https", "https") as crowded:
        yield crowded


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """Figures to show at the end of a long test."""
    lines: list[str] = []
    yield lines
    if LONG:
        with capsys.disabled():
            print("".join(f"\n{line}" for line in lines))


def probe_is_answered(
    crowded: CrowdedServer,
    behaviours: tuple[Behaviour, ...],
    report: list[str],
    sources: tuple[str, ...] = ONE_ADDRESS,
    within: float = 1,
) -> None:
    server = crowded.server
    with Crowd(crowded.target, behaviours, sources) as crowd:
        sockets: list[int] = []
        results = crowded.probe.run(CROWD_SECONDS, lambda: sockets.append(server.open_sockets()))
        most_held = max(sockets) - crowded.sockets
        held = statistics.median_high(sockets) - crowded.sockets
        slowest = max(result.seconds for result in results)
        report.append(
            f"the crowd opened {crowd.opened} connections and lost {crowd.ended};"
            f" the server held {held}, at most {most_held}, in {server.resident_mib():.0f} MiB,"
            f" {crowded.memory_mib:.0f} before;"
            f" the slowest of {len(results)} probes took {slowest * 1000:.0f} ms"
        )
        assert crowd.opened >= CROWD_SIZE
    assert [result for result in results if not result.is_good(within)] == []
    assert held >= FEWEST_HELD
    assert most_held + crowded.files <= OPEN_FILES - SPARE_FILES
    if sources == ONE_ADDRESS:
        assert held <= (OPEN_FILES - OWN_FILES) // 2 + PASSING
    wait_until(crowded.has_recovered, RECOVERY_SECONDS)
    report.append(f"then {server.resident_mib():.0f} MiB and {server.open_files()} descriptors")
    assert [line for line in server.log() if line["level"] == "error"] == []


def test_pipelines_of_which_no_answer_is_read(http: CrowdedServer, report: list[str]) -> None:
    probe_is_answered(http, (UNREAD_PIPELINE,), report)


def test_pipelines_from_sixty_addresses(http: CrowdedServer, report: list[str]) -> None:
    # Every connection has a large answer made for it at the same time: that takes a while.
    probe_is_answered(http, (UNREAD_PIPELINE,), report, SIXTY_ADDRESSES, within=3)


def test_heads_that_arrive_byte_by_byte(http: CrowdedServer, report: list[str]) -> None:
    probe_is_answered(http, (SLOW_HEAD,), report)


def test_bodies_that_arrive_byte_by_byte(http: CrowdedServer, report: list[str]) -> None:
    probe_is_answered(http, (slow_body(http.probe.auth),), report)


def test_connections_without_a_byte(http: CrowdedServer, report: list[str]) -> None:
    probe_is_answered(http, (SILENT,), report)


def test_answered_connections_that_stay(http: CrowdedServer, report: list[str]) -> None:
    probe_is_answered(http, (UNREAD_ANSWER,), report)


def test_tls_handshakes_that_stop(https: CrowdedServer, report: list[str]) -> None:
    assert https.target.tls is not None
    probe_is_answered(https, slow_handshakes(client_hello(https.target.tls)), report)


def test_all_of_these_at_once_from_sixty_addresses(https: CrowdedServer, report: list[str]) -> None:
    probe_is_answered(https, https.every_behaviour(), report, SIXTY_ADDRESSES)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_server_stops_within_three_seconds_of_its_crowds(
    scheme: str, request: pytest.FixtureRequest
) -> None:
    crowded: CrowdedServer = request.getfixturevalue(scheme)
    assert crowded.server.stop() <= STOP_AFTER_A_CROWD_SECONDS
    assert crowded.server.process.returncode == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_server_stops_within_five_seconds_while_a_crowd_is_there(
    scheme: str, deployment: Deployment
) -> None:
    with running(deployment, scheme, f"stopping_{scheme}") as crowded:
        behaviours = crowded.every_behaviour()
        if scheme == "http":
            # Nothing takes the server longer to finish than a request that is still arriving.
            behaviours = (slow_body(crowded.probe.auth),)
        with Crowd(crowded.target, behaviours, SIXTY_ADDRESSES):
            crowded.probe.run(SHORT_CROWD_SECONDS)
            seconds = crowded.server.stop()
        assert seconds <= STOP_IN_A_CROWD_SECONDS
        assert crowded.server.process.returncode == 0


def test_server_with_idle_connections_stops_within_a_second(deployment: Deployment) -> None:
    with running(deployment, "http", "idle") as crowded, ExitStack() as connections:
        for _ in range(IDLE_CONNECTIONS):
            opened = connections.enter_context(
                closing(socket.create_connection(crowded.target.address, 5))
            )
            opened.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert opened.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert crowded.server.stop() <= STOP_WHEN_IDLE_SECONDS
        assert crowded.server.process.returncode == 0
