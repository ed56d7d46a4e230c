"""The CA bundle of `SSL_CERT_FILE`, for the clients that would not read that variable themselves.

httpx and aiohttp read it. boto3, gRPC, libpq and the exporter of OpenTelemetry have variables of
their own, which win where they are set.
"""

import os
import ssl
from pathlib import Path

VARIABLE = "SSL_CERT_FILE"
_DEBIAN = Path("/etc/ssl/certs/ca-certificates.crt")


def ca_bundle(own_variable: str = "") -> str | None:
    """PEM file that the environment names: `own_variable` of a client first. None = it names
    none.
    """
    return os.environ.get(own_variable) or os.environ.get(VARIABLE) or None


def system_bundle() -> str | None:
    """The bundle of the environment, else the system's. None = there is none."""
    # The type says that there always is one; it is None where the system has no such file.
    given: str | None = ca_bundle() or ssl.get_default_verify_paths().cafile
    return given or (str(_DEBIAN) if _DEBIAN.is_file() else None)
