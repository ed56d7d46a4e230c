"""Addresses as clients put them together: an instance URL that ends with a slash makes a doubled
one, and a resource may end with one. Both reach the same resource (REST API Developer Guide,
"Resources": examples have either form).
"""

import re
from typing import Any

from starlette.routing import Route, compile_path
from starlette.types import Scope


def any_case(path: str) -> re.Pattern[str]:
    """The pattern of a resource below the version. Its fixed words are the same in any case, as
    Salesforce's guides spell some in two ways (`resultPages` and `resultpages`); names and ids
    that a caller puts in keep theirs. No page tells the rule for every word: that is our reading.
    """
    return re.compile(compile_path(path)[0].pattern, re.IGNORECASE)


class Resource(Route):
    """A route whose words after `root` are the same in any case."""

    def __init__(self, root: str, path: str, *args: Any, **named: Any) -> None:
        super().__init__(f"{root}{path}", *args, **named)
        below = any_case(path).pattern.removeprefix("^")
        self.path_regex = re.compile(f"{compile_path(root)[0].pattern.removesuffix('$')}(?i:{below})")


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
