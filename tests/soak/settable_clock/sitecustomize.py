"""Gives a Python process a wall clock that others can set; found on `PYTHONPATH` when it starts.

The variable `SOAK_CLOCK` names a file of eight bytes: the seconds by which the clock is ahead of
the machine's, a signed integer. A change of the file is seen at once, as a step of the clock
would be. The monotonic clock goes on as it is.
"""

import mmap
import os
import struct
import time

_FORMAT = struct.Struct("<q")


def _settable(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    shared = mmap.mmap(descriptor, _FORMAT.size, prot=mmap.PROT_READ)
    os.close(descriptor)
    machines = time.time  # noqa: TID251 - the clock that is replaced

    def now() -> float:
        ahead: int = _FORMAT.unpack_from(shared)[0]
        return machines() + ahead

    time.time = now  # noqa: TID251 - see above


_settable(os.environ["SOAK_CLOCK"])
