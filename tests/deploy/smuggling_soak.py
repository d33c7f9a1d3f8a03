"""The long form of `test_request_smuggling.py`.

    python -m tests.deploy.smuggling_soak [NAME …]
    SATMINT_CHAIN_ANSWERS=100000 python -m tests.deploy.smuggling_soak nginx

Each chain is a proxy in front of `satmint serve`. It prints what honest callers and hostile clients
saw, and ends with 1 where an answer was not the caller's own. `--tree FOLDER` tries nginx.conf and
src of another checkout of this repository instead.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.kit.proxies import CADDY, HAPROXY, NGINX, Proxy, example_of
from tests.kit.proxy_chain import Outcome, running_chain, try_chain

ANSWERS: Final = int(os.environ.get("SATMINT_CHAIN_ANSWERS", "100000"))
"""For each chain."""
_SECONDS: Final = 3600
"""When a chain ends at the latest."""


@dataclass(frozen=True, slots=True)
class ChainConfig:
    """A proxy, and how its configuration differs from its example."""

    name: str
    proxy: Proxy
    changes: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.name

    def example(self) -> str:
        """The configuration."""
        text = example_of(self.proxy)
        for before, after in self.changes:
            assert before in text, before
            text = text.replace(before, after)
        return text


CHAINS: Final = (
    ChainConfig("nginx", NGINX),
    ChainConfig("haproxy", HAPROXY),
    ChainConfig("caddy", CADDY),
    # Configurations that are common elsewhere: there the server is alone against the attempts.
    ChainConfig(
        "nginx-any-upgrade",
        NGINX,
        (("Upgrade $upgrade;", "Upgrade $http_upgrade;"), ("map $upgrade ", "map $http_upgrade ")),
    ),
    ChainConfig(
        "caddy-any-upgrade",
        CADDY,
        (("\trequest_header @plain -Connection\n\trequest_header @plain -Upgrade\n", ""),),
    ),
)


def main() -> int:
    """Try the chains that are named, or all of them."""
    parser = argparse.ArgumentParser(description="Smuggling attempts behind each proxy.")
    names = [chain.name for chain in CHAINS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--answers", type=int, default=ANSWERS, help="for each chain")
    parser.add_argument("--tree", type=Path, help="another checkout, for nginx.conf and src")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(names):
        parser.error(f"unknown chain: {', '.join(sorted(unknown))}")
    wrong = 0
    if arguments.tree is not None:
        tree: Path = arguments.tree.absolute()
        example = (tree / "deploy" / NGINX.example).read_text(encoding="utf-8")
        wrong = _try(f"nginx of {tree}", NGINX, example, arguments.answers, tree / "src")
    else:
        for config in CHAINS:
            if not arguments.names or config.name in arguments.names:
                wrong += _try(config.name, config.proxy, config.example(), arguments.answers)
    return 1 if wrong else 0


def _try(name: str, proxy: Proxy, example: str, answers: int, source: Path | None = None) -> int:
    """Try one; returns how much was wrong."""
    with (
        tempfile.TemporaryDirectory(prefix="satmint-chain-") as folder,
        running_chain(proxy, Path(folder), example, source=source) as chain,
    ):
        outcome = asyncio.run(try_chain(chain, answers, _SECONDS))
    print("\n".join(_report(name, outcome)), flush=True)
    return outcome.tally.wrong + outcome.sent.tokens


def _report(name: str, outcome: Outcome) -> list[str]:
    tally, sent = outcome.tally, outcome.sent
    answered = ", ".join(f"{count} x {what}" for what, count in sorted(sent.answers.items()))
    found = f"{tally.answers} answers, {tally.wrong} wrong, {tally.lost} connections lost"
    return [
        f"{name}: {found}, {outcome.seconds:.0f} s",
        f"  {sent.attempts} hostile requests, {sent.tokens} of them answered with tokens",
        f"  answered by: {answered}",
        *(f"  wrong: {example[:200]}" for example in tally.examples),
    ]


if __name__ == "__main__":
    sys.exit(main())
