"""What Debian can bring along, where a test may ask it to."""

import os
import shutil
import subprocess
from typing import Final

_SECONDS: Final = 600


def install(*packages: str) -> None:
    """Install Debian packages, where that is possible: as root, on Debian. Says nothing if not."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(
            ["apt-get", "--quiet", *arguments],
            capture_output=True,
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
