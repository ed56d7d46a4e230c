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


socket.getaddrinfo = _getaddrinfo
