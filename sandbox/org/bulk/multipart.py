"""The one multipart form of Bulk API 2.0: a job and its rows in one call (RFC 7578, as far as that
form needs it).
"""

import re

from sandbox.org.errors import SalesforceError

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_NAME = re.compile(rb'\bname="?([^";\r\n]+)"?', re.IGNORECASE)


def form_parts(body: bytes, content_type: str) -> dict[str, bytes]:
    """Content by name; raises CLIENTINPUTERROR for what is no form."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _refused("no boundary in the Content-Type")
    mark = b"\r\n--" + found[1].strip().encode("latin-1")
    parts: dict[str, bytes] = {}
    for piece in (b"\r\n" + body).split(mark)[1:]:
        if piece.startswith(b"--"):
            return parts
        head, blank, content = piece.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not blank or name is None:
            raise _refused("a part without a name")
        parts[name[1].decode("latin-1")] = content
    raise _refused("the last boundary is missing")


def _refused(message: str) -> SalesforceError:
    return SalesforceError("CLIENTINPUTERROR", f"ClientInputError : Invalid multipart request: {message}")
