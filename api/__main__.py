"""`python -m api`: one process of the HTTP API, until it receives a stop signal."""

import gc
import logging
import sys

import uvicorn

from api.app import build_api
from api.server.options import server_options
from schemas.errors import SettingsError, TidegateError
from workers.settings import Settings, load_settings
from workers.telemetry import telemetry

_LOG = logging.getLogger("api")


def main() -> int:
    """Serve where the settings say. Exit code 2: a setting is wrong; 1: it could not be started."""
    try:
        settings = load_settings()
        with telemetry(settings, "api"):
            _serve(settings)
    except TidegateError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2 if isinstance(error, SettingsError) else 1
    return 0


def _serve(settings: Settings) -> None:
    served, where = build_api(settings).served, settings.api
    if not where.tokens and where.oidc is None:
        _LOG.warning(
            "no token is known, so every request is refused; `tidegate api token NAME --role …` makes one"
        )
    _LOG.info("serving http://%s:%s, described at /v1/docs", where.host, where.port)
    # What is there now stays: to look through it again takes the collector a tenth of a second at a
    # time.
    gc.collect()
    gc.freeze()
    uvicorn.run(served, **server_options(where))


if __name__ == "__main__":
    sys.exit(main())
