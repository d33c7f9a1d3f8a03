"""`satmint openapi`: print the OpenAPI document."""

import json
import sys
from typing import Annotated

import typer

from satmint.assembly import api_description
from satmint.cli.options import Json
from satmint.cli.plain import HELP_NAMES, PlainCommand
from satmint.cli.report import UsageError, to_json
from satmint.cli.streams import is_unicode
from satmint.model.web_addresses import InvalidWebAddress, normal_base_url

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command(cls=PlainCommand, context_settings=HELP_NAMES)
def openapi(
    url: Annotated[
        str, typer.Option(metavar="URL", help="The public URL of the server.")
    ] = "http://127.0.0.1:8080",
    as_json: Json = False,
) -> None:
    """Print the OpenAPI 3.1 document of the HTTP API, in JSON."""
    try:
        document = api_description(normal_base_url(url))
    except InvalidWebAddress as error:
        raise UsageError(f"--url {error}") from error
    ascii_only = not is_unicode(sys.stdout)
    if as_json:
        text = to_json(document, ascii_only=ascii_only)
    else:
        text = json.dumps(document, indent=2, ensure_ascii=ascii_only)
    sys.stdout.write(text + "\n")
