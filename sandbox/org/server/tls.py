"""The org's own certificate authority, made at the first start: clients that insist on TLS are
configured to trust it.

The certificate also carries the hosts that clients have built in, so that a client that maps
those names to this machine gets through.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

_NAMES = (
    "localhost",
    "127.0.0.1",
    "::1",
    "*.localhost",
    "login.salesforce.com",
    "test.salesforce.com",
    "*.salesforce.com",
    "*.my.salesforce.com",
    "*.pubsub.salesforce.com",
)


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files."""

    ca_file: Path
    """The certificate that a client has to trust."""
    certificate: Path
    """The server's certificate and its chain."""
    key: Path


def ensure_certificates(folder: Path, names: Sequence[str] = ()) -> Certificates:
    """The certificates in `folder`, made when they are missing and the same ever after.

    `names`: more hosts by which clients reach the org.
    """
    found = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server_key.pem")
    if all(path.exists() for path in (found.ca_file, found.certificate, found.key)):
        return found
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA(organization_name="Tidegate sandbox")
    server = authority.issue_cert(*_NAMES, *names, organization_name="Tidegate sandbox")
    found.key.touch(mode=0o600)
    server.private_key_pem.write_to_path(found.key)
    found.certificate.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    authority.cert_pem.write_to_path(found.ca_file)
    return found
