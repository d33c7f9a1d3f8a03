"""Flask: a decorator verifies the token of each request, under werkzeug's server with threads."""

from __future__ import annotations

import os

from _common import log_everything
from flask import Flask, g

from satmint_sdk.rest import RestClient
from satmint_sdk.verify import Verifier
from satmint_sdk.verify.flask import TokenRequired

protected = TokenRequired(Verifier(RestClient()), base_url=os.environ["BASE_URL"])
app = Flask(__name__)


@app.get("/me")
@protected
def me() -> dict[str, object]:
    return {"subscriber": g.satmint.subscriber, "kind": g.satmint.kind}


# Protected twice, as by a decorator of a group of views and one of the view.
@app.get("/refreshing")
@protected
@protected.requiring("sat:refresh")
def refreshing() -> dict[str, object]:
    return {"subscriber": g.satmint.subscriber}


@app.get("/addresses/<address>")
@protected.requiring(address_param="address")
def address(address: str) -> dict[str, object]:
    return {"subscriber": g.satmint.subscriber, "address": address}


if __name__ == "__main__":
    log_everything()
    app.run(port=0, threaded=True)
