"""A service with an `AsyncVerifier` of the SDK, behind a relay that can be cut.

Run by the SDK's environment. It is told one JSON object in each line of its input, and answers
each question with one. Times are nanoseconds of the monotonic clock, which processes share.

    {"port": 8080}                  where the server listens now
    {"do": "cut"}                   abort every connection to it
    {"do": "hold"}, {"do": "release"}   nothing arrives meanwhile, in either direction
    {"id": 1, "token": "…"}         {"id": 1, "began": …, "ended": …, "answer": "granted"}
    {"do": "state"}                 {"id": 0, "state": {…}}
"""

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict

from satmint_sdk.rest import AsyncRestClient, RequestOptions
from satmint_sdk.verify import AsyncVerifier, CannotVerify, TokenRefused


class Relay:
    """Connections to a free port of this machine, each carried on to the server."""

    def __init__(self):
        self.target = 0
        self.flows = asyncio.Event()
        self.flows.set()
        self._writers = set()
        self._tasks = set()

    async def start(self):
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    def cut(self):
        for writer in self._writers:
            writer.transport.abort()

    def _accept(self, reader, writer):
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader, writer):
        pair = [writer]
        try:
            await self.flows.wait()
            there_reader, there = await asyncio.open_connection("127.0.0.1", self.target)
            pair.append(there)
            self._writers.update(pair)
            copying = [
                asyncio.create_task(self._copy(reader, there)),
                asyncio.create_task(self._copy(there_reader, writer)),
            ]
            await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
            for task in copying:
                task.cancel()
        except OSError:
            pass
        finally:
            for one in pair:
                one.transport.abort()
            self._writers.difference_update(pair)

    async def _copy(self, reader, writer):
        try:
            while data := await reader.read(65_536):
                await self.flows.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass


class Service:
    """Answers the lines of the input."""

    def __init__(self, relay, verifier):
        self._relay = relay
        self._verifier = verifier
        self._tasks = set()

    def take(self, told):
        if "token" in told:
            task = asyncio.create_task(self._verify(told["id"], told["token"]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif "port" in told:
            self._relay.target = told["port"]
        else:
            {
                "cut": self._relay.cut,
                "hold": self._relay.flows.clear,
                "release": self._relay.flows.set,
                "state": lambda: tell({"id": 0, "state": asdict(self._verifier.state)}),
            }[told["do"]]()

    async def _verify(self, identifier, token):
        began = time.monotonic_ns()
        try:
            await self._verifier.verify(token)
            answer = "granted"
        except TokenRefused:
            answer = "refused"
        except CannotVerify:
            answer = "unknown"
        ended = time.monotonic_ns()
        tell({"id": identifier, "began": began, "ended": ended, "answer": answer})


def tell(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def main():
    relay = Relay()
    port = await relay.start()
    options = RequestOptions(timeout=5.0, retries=0)
    lines = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    project, api_token = os.environ["OBSERVED_PROJECT"], os.environ["OBSERVED_API_TOKEN"]
    async with (
        AsyncRestClient(project, api_token, f"127.0.0.1:{port}", options) as client,
        AsyncVerifier(client) as verifier,
    ):
        service = Service(relay, verifier)
        while line := await lines.readline():
            service.take(json.loads(line))


asyncio.run(main())
