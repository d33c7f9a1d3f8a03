"""The short form of `make failover`: the files of deploy/patroni, and a dead machine.

Three PostgreSQL servers under Patroni, a server of satmint behind HAProxy, clients and the crowd
of the soak test.
"""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.failover.course import Course
from tests.failover.faults import FAULTS
from tests.failover.trial import play_failovers
from tests.house.tree import ROOT
from tests.kit.patroni import EXAMPLES, PatroniCluster, PatroniMissing
from tests.kit.proxies import (
    HAPROXY,
    ProxyMissing,
    certificate,
    example_of,
    free_port,
    running_proxy,
)
from tests.soak.history import Answer, Deed
from tests.soak.troubles import Plan

DOCUMENT = ROOT / "docs" / "high-availability.md"
SHOWN = re.compile(r"^```(yaml|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE_OF = {"yaml": "patroni.yml", "text": "haproxy.cfg"}
TRIED = ("machine killed",)
SSL_REQUEST: Final = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""What a client of PostgreSQL sends first."""


@pytest.fixture
def cluster() -> Iterator[PatroniCluster]:
    try:
        made = PatroniCluster(namespaces=False)
    except PatroniMissing as missing:
        pytest.skip(str(missing))
    yield made
    made.stop()


async def test_nothing_acknowledged_is_lost_whoever_is_the_primary(
    tmp_path: Path, cluster: PatroniCluster
) -> None:
    faults = [fault for fault in FAULTS if fault.name in TRIED]
    course = Course(cluster, faults, clients=8, heals_last=False)
    plan = Plan("Patroni", workers=1, bands=4, callers=3, kills=0)
    outcome, found = await play_failovers(course, plan, tmp_path)
    assert found == []
    assert outcome.violations == []
    assert outcome.bugs == []
    assert [one.fault for one in course.done] == list(TRIED)
    assert all(one.primary != one.former for one in course.done)
    assert outcome.operations[Deed.REFRESH, Answer.GRANTED] > 0


def test_the_document_shows_what_is_tried() -> None:
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition("\n## With Patroni\n")
    found = SHOWN.findall(section)
    assert {language for language, _ in found} == set(EXAMPLE_OF)
    for language, text in found:
        assert text in (EXAMPLES / EXAMPLE_OF[language]).read_text(encoding="utf-8")


async def answering(answer: bytes) -> asyncio.Server:
    """A server that answers whatever it is sent."""

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(4096):
            writer.write(answer)
        writer.close()

    return await asyncio.start_server(answered, "127.0.0.1", 0)


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def test_the_section_for_haproxy_works_in_the_file_of_the_proxy_in_front(
    tmp_path: Path,
) -> None:
    certificate(tmp_path)
    _, listen, section = (EXAMPLES / "haproxy.cfg").read_text().partition("listen postgresql\n")
    port = free_port()
    async with (
        await answering(b"N") as database,
        await answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as patroni,
    ):
        for there, here in (
            ("127.0.0.1:5000", f"127.0.0.1:{port}"),
            ("check port 8008", f"check port {port_of(patroni)}"),
            ("10.0.0.1:5432", f"127.0.0.1:{port_of(database)}"),
            ("    server db2 10.0.0.2:5432\n    server db3 10.0.0.3:5432\n", ""),
        ):
            assert there in section
            section = section.replace(there, here)
        file = f"{example_of(HAPROXY)}\n{listen}{section}"
        try:
            with running_proxy(HAPROXY, tmp_path, (free_port(), free_port()), file):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(SSL_REQUEST)
                assert await reader.read() == b"N"
                writer.close()
        except ProxyMissing as missing:
            pytest.skip(str(missing))
