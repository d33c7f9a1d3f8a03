"""How gunicorn runs it: one process of eight threads."""

import json

bind = "127.0.0.1:0"
worker_class = "gthread"
workers = 1
threads = 8
keepalive = 60


def on_starting(_arbiter):
    """Make the tables before any worker needs them."""
    from app import prepare  # noqa: PLC0415 - now that its folder is among those to import from

    prepare()


def post_worker_init(worker):
    """Say where it listens, once it does."""
    host, port = worker.sockets[0].getsockname()
    print(json.dumps({"event": "listening", "url": f"http://{host}:{port}"}), flush=True)
