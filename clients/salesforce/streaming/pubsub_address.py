"""Where the Pub/Sub API is. Apart from the connection, whose packages a process without a Pub/Sub
lane does not import.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PubsubAddress:
    """Where the Pub/Sub API is, and for which org."""

    endpoint: str
    """host:port; always TLS."""
    org_id: str
    """The `tenantid` of every call."""
    ca_file: Path | None = None
    """PEM file of the authorities to trust; None: that of the environment, else gRPC's own list."""
