"""Tells the service manager that the server answers requests: sd_notify(3) of systemd."""

import os
import socket
from contextlib import suppress
from typing import Final

VARIABLE: Final = "NOTIFY_SOCKET"
"""Names the socket of a service manager that waits for the message, as for `Type=notify`."""


def notify_ready() -> None:
    """Report that the server has started, if a service manager waits for it.

    Nothing happens if the report cannot be sent: the service manager has a deadline of its own.
    """
    name = os.environ.get(VARIABLE, "")
    if not name.startswith(("/", "@")):
        return
    # "@" stands for the zero byte with which an abstract address begins (unix(7)).
    address = "\0" + name[1:] if name.startswith("@") else name
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(b"READY=1", address)
