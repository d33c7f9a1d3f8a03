"""The HTTP API, through the whole application."""  # noqa: A005 - it is `tests.http`
