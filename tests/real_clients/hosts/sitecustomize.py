"""Put on PYTHONPATH, it is the DNS of a client whose login host is built in: every *.salesforce.com
is this machine.

The client itself is as it was published: it still says login.salesforce.com, port 443, still
checks that name in the certificate, and still trusts nothing but the configured CA.
"""

import os
import socket
from typing import Any

_PORT = int(os.environ["SALESFORCE_TLS_PORT"])
_resolve = socket.getaddrinfo


def _getaddrinfo(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if name and name.endswith(".salesforce.com") and int(port) == 443:
        return _resolve("127.0.0.1", _PORT, *arguments, **named)
    return _resolve(host, port, *arguments, **named)


def _connect(self: socket.socket, address: Any) -> None:
    """Clients that keep the port that they asked for have the address alone from the look-up."""
    to_the_org = isinstance(address, tuple) and address[:2] == ("127.0.0.1", 443)
    _connect_as_told(self, ("127.0.0.1", _PORT) if to_the_org else address)


_connect_as_told = socket.socket.connect
socket.getaddrinfo = _getaddrinfo
socket.socket.connect = _connect  # type: ignore[assignment, method-assign]
