"""Addresses as clients put them together: an instance URL that ends with a slash makes a doubled
one, and a resource may end with one. Both reach the same resource (REST API Developer Guide,
"Resources": examples have either form).
"""

from starlette.types import Scope


def tidied(scope: Scope) -> Scope:
    """The call with one slash before its path and none behind it. A slash that was sent as `%2F` is
    part of a value, and stays.
    """
    path, raw = scope["path"], scope.get("raw_path") or scope["path"].encode()
    leading = len(path) - len(path.lstrip("/"))
    trailing = len(raw) - len(raw.rstrip(b"/"))
    if leading <= 1 and (not trailing or len(path) <= 1):
        return scope
    plain_raw = b"/" + raw.strip(b"/")
    plain = "/" + path[leading : len(path) - trailing]
    return {**scope, "path": plain, "raw_path": plain_raw}
