"""The image's health check: exit 0 when the process of this container answers that it lives.

Asks `HEALTHCHECK_URL`, by default the health port of a worker. The API has its own address.
Standard library only: it is started every few seconds.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

_SECONDS = 3


def main() -> int:
    """0: it answered 200; 1: anything else."""
    default = f"http://127.0.0.1:{os.environ.get('TIDEGATE_HEALTH__PORT', '8401')}/livez"
    where = urlsplit(os.environ.get("HEALTHCHECK_URL") or default)
    connection = HTTPConnection(where.hostname or "127.0.0.1", where.port or 80, timeout=_SECONDS)
    try:
        connection.request("GET", where.path)
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, HTTPException):
        return 1


if __name__ == "__main__":
    sys.exit(main())
