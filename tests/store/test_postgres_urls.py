"""The parameters of a URL reach the server and the socket, as with any client of PostgreSQL."""

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from satmint.model.database_url import DatabaseUrl
from satmint.model.refusals import StoreUnavailable
from satmint.settings_sources import load_settings
from satmint.store.postgres.connecting import PostgresLimits, open_connection
from tests.kit.postgres import the_server

LIMITS = PostgresLimits()
DEAD = "/nowhere"


def socket_url(hosts: str, more: str) -> str:
    """A URL of the tests' server, with these hosts."""
    parts = urlsplit(the_server().shared_database("read committed"))
    return f"postgresql://satmint@{parts.path}?host={hosts}&{more}"


async def test_application_name_and_options_are_the_url_s() -> None:
    folder = quote(str(the_server().folder), safe="")
    more = "application_name=node%20one&options=-c%20work_mem%3D1234kB&connect_timeout=30"
    connection = await open_connection(
        DatabaseUrl.of(socket_url(folder, f"{more}&channel_binding=prefer&client_encoding=UTF8")),
        LIMITS,
    )
    try:
        assert await connection.fetchval("SHOW application_name") == "node one"
        assert await connection.fetchval("SHOW work_mem") == "1234kB"
        assert await connection.fetchval("SHOW lock_timeout") == "4s"
    finally:
        await connection.close()


@pytest.mark.parametrize("options", ["endpoint=one", "-c no_setting=1", "-c work_mem=much"])
async def test_options_that_the_server_does_not_accept_are_a_refusal(options: str) -> None:
    folder = quote(str(the_server().folder), safe="")
    url = DatabaseUrl.of(socket_url(folder, f"options={quote(options)}"))
    with pytest.raises(StoreUnavailable, match="postgres_options_refused"):
        await open_connection(url, LIMITS)


async def test_hosts_are_tried_until_one_answers() -> None:
    folder = quote(str(the_server().folder), safe="")
    url = DatabaseUrl.of(socket_url(f"{DEAD},{folder}", "load_balance_hosts=disable"))
    connection = await open_connection(url, LIMITS)
    assert await connection.fetchval("SHOW application_name") == "satmint"
    await connection.close()
    with pytest.raises(StoreUnavailable, match="postgres_lost"):
        await open_connection(DatabaseUrl.of(socket_url(f"{DEAD},{DEAD}", "port=1,2")), LIMITS)


async def test_host_that_is_silent_does_not_keep_the_next_one_from_being_tried() -> None:
    """Nobody accepts on the first: its share of the time is over first."""
    folder = quote(str(the_server().folder), safe="")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        more = f"port={port},5432&sslmode=disable&connect_timeout=4"
        url = DatabaseUrl.of(socket_url(f"127.0.0.1,{folder}", more))
        connection = await open_connection(url, LIMITS)
        await connection.close()


async def test_socket_gets_keepalive_options_and_server_without_tls_is_named() -> None:
    path = the_server().folder / ".s.PGSQL.5432"

    carried: list[asyncio.Task[None]] = []

    def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried.append(asyncio.create_task(both_ways(reader, writer)))

    async def both_ways(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(path)
        await asyncio.gather(copy(reader, there_writer), copy(there_reader, writer))

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(carry, "::1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        database = urlsplit(the_server().shared_database("read committed")).path
        base = f"postgresql://satmint:p%40%2F@[::1]:{port}{database}"
        alive = "keepalives=1&keepalives_idle=31&keepalives_interval=7&keepalives_count=4"
        connection = await open_connection(
            DatabaseUrl.of(f"{base}?{alive}&tcp_user_timeout=9000"), LIMITS
        )
        handle = connection._transport.get_extra_info("socket")
        with socket.socket(fileno=os.dup(handle.fileno())) as found:
            assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 31
            assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 7
            assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 4
            assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 9000
        await connection.close()
        with pytest.raises(StoreUnavailable, match="postgres_without_tls"):
            await open_connection(DatabaseUrl.of(f"{base}?sslmode=require"), LIMITS)
        await asyncio.gather(*carried)


def test_pooler_is_named_by_the_url_as_well() -> None:
    url = "postgresql://u@h/x?pgbouncer={}"
    assert load_settings({"database": url.format("true")}, {}).database_pooler
    assert not load_settings({"database": url.format("false")}, {}).database_pooler
    given = {"database": "postgresql://h/x", "database_pooler": True}
    assert load_settings(given, {}).database_pooler


def test_files_of_a_url_are_read_before_anything_else(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no matter")
    url = f"postgresql://u@h/x?sslmode=verify-full&sslrootcert={file}"
    assert load_settings({"database": url}, {}).database == url
    with pytest.raises(ValueError, match="sslrootcert, a file that cannot be read: no such file"):
        load_settings({"database": f"{url}.missing"}, {})
