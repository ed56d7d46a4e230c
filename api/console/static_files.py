"""Files of the console: vendored libraries, the style and the script, served as they are in the
package.

`static/SHA256SUMS` names every file of others with its digest; a test holds the files against it.
"""

import hashlib
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.console.gate import PREFIX

_KINDS = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "txt": "text/plain"}


@cache
def _file(name: str) -> tuple[bytes, str] | None:
    """Content and digest of a file; None when there is none of that name."""
    names = {each.name for each in files("api.console").joinpath("static").iterdir()}
    if name not in names or name.rpartition(".")[2] not in _KINDS:
        return None
    content = files("api.console").joinpath("static", name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:16]


def static_url(name: str) -> str:
    """The address of a file, with its digest: another content is another address."""
    found = _file(name)
    return f"{PREFIX}/static/{name}" + ("" if found is None else f"?v={found[1]}")


async def _answer(request: Request) -> Response:
    name = str(request.path_params["name"])
    found = _file(name)
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such file.")
    content, digest = found
    is_named = request.query_params.get("v") == digest
    kept = "public, max-age=31536000, immutable" if is_named else "no-cache"
    kind = _KINDS[name.rpartition(".")[2]]
    return Response(
        content, media_type=f"{kind}; charset=utf-8", headers={"Cache-Control": kept, "ETag": f'"{digest}"'}
    )


STATIC = Route(f"{PREFIX}/static/{{name}}", _answer, methods=["GET"])
