"""What Debian can bring along, where a test may ask it to."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

_SECONDS: Final = 600
_LOCK: Final = Path(tempfile.gettempdir()) / "satmint-tests-apt.lock"


def install(*packages: str) -> None:
    """Install Debian packages, where that is possible: as root, on Debian. Says nothing if not."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _LOCK.open("w") as lock:
        # Of two at once, apt-get itself would have one fail.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            subprocess.run(
                ["apt-get", "--quiet", *arguments],
                capture_output=True,
                env=environment,
                timeout=_SECONDS,
                check=False,
            )
