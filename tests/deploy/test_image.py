"""`deploy/Containerfile`, built by buildah on a base of debootstrap's, and run.

`make image-test` runs it, as root: it takes minutes and asks a mirror of Debian and the index of
packages. What it said is in `docs/proof.md`.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import pytest
from release.image import PYTHON, write_context

from satmint import __version__
from tests.kit.images import Builder, Image, ImagesImpossible, require_programs
from tests.kit.proxies import free_port
from tests.kit.serving import ServeProcess

LARGEST: Final = 200_000_000
"""Bytes; the bar of the specification."""
USER: Final = 10001
SUITE: Final = "bookworm"
PLACE: Final = "/var/tmp"
"""Not in memory: the storage of the images has gigabytes for a while."""


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    if not os.environ.get("SATMINT_TEST_IMAGE"):
        pytest.skip(
            "the container image is built and run by `make image-test`, which takes minutes"
        )
    try:
        require_programs()
    except ImagesImpossible as reason:
        pytest.skip(f"the container image is not tested: {reason}")
    with TemporaryDirectory(dir=PLACE, ignore_cleanup_errors=True) as folder:
        builder, context = Builder(Path(folder)), Path(folder) / "context"
        write_context(context)
        base = builder.base(SUITE)
        started = time.monotonic()
        made = builder.build(context, base)
        seconds = time.monotonic() - started
        print(f"\nbuilt in {seconds:.0f} s, {made.size / 1e6:.0f} MB on a base of {SUITE}")
        yield made
        builder.run("umount", "--all")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A volume as a container runtime makes it from the folder of the image."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, USER, USER)
    return folder


@pytest.fixture
def port() -> dict[str, str]:
    return {"SATMINT_PORT": str(free_port()), "SATMINT_ADMIN_PORT": "0"}


def test_it_is_small_and_has_no_builder(image: Image) -> None:
    assert image.size < LARGEST
    packages = image.root / "opt" / "satmint" / "lib" / f"python{PYTHON}" / "site-packages"
    assert (packages / f"satmint-{__version__}.dist-info").is_dir()
    assert not list(packages.glob("pip*"))
    for name in ("packages", "builder", "usr/bin/gcc"):
        assert not (image.root / name).exists()
    assert image.config["User"] == f"{USER}:{USER}"
    volume = (image.root / "data").stat()
    assert (volume.st_uid, volume.st_gid, volume.st_mode & 0o777) == (USER, USER, 0o700)


def satmint(image: Image, data: Path, *arguments: str) -> dict[str, Any]:
    done = image.execute(data, ["satmint", *arguments, "--json"], {})
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_answers_and_keeps_its_state_over_a_restart(
    image: Image, data: Path, port: dict[str, str], workers: str
) -> None:
    assert satmint(image, data, "version")["version"] == __version__
    satmint(image, data, "keys", "init")
    project = satmint(image, data, "project", "create", "one")
    tokens: dict[str, str] = {}
    variables = {**port, "SATMINT_WORKERS": workers}
    check = image.config["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    assert image.execute(data, check[1:], port).returncode == 1
    for path, body in (
        ("", {"reference": "alice@example.com"}),
        ("/refresh", tokens),
    ):
        with image.running(data, variables) as process:
            server = ServeProcess(process)
            server.wait_for("listening")
            url = f"http://127.0.0.1:{port['SATMINT_PORT']}"
            assert httpx.get(f"{url}/livez").status_code == 200
            assert httpx.get(f"{url}/readyz").status_code == 200
            healthy = image.execute(data, check[1:], port)
            assert (healthy.returncode, healthy.stderr) == (0, "")
            answer = httpx.post(
                f"{url}/api/fabric/subscribers/tokens{path}",
                auth=(project["id"], project["api_token"]),
                json=body,
            )
            assert answer.is_success, answer.text
            tokens["refresh_token"] = answer.json()["refresh_token"]
            assert server.stop() == 0
    owners = {(found.stat().st_uid, found.stat().st_mode & 0o077) for found in data.iterdir()}
    assert owners <= {(USER, 0), (USER, 0o044)}
