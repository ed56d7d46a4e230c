"""JSON that is nested deeper than its writer goes.

orjson reads 1,024 levels and writes 254 (its README, "Serialize" and "Deserialize"), so that it
cannot write all that it has read.
"""

from itertools import chain
from typing import Any

import orjson

from transforms import exact_json

_STEP = 200
"""Levels that are written in one piece."""


def dumps_deep(value: Any) -> bytes:
    """As `exact_json.dumps`, however deep the value is. One that is too deep for one piece is used
    up: its inner values become fragments.
    """
    try:
        return exact_json.dumps(value)
    except orjson.JSONEncodeError as error:
        if "Recursion limit" not in str(error):  # orjson has no class for it
            raise
    levels = [[value]]
    while inner := [each for outer in levels[-1] for _, each in _members(outer) if _is_nested(each)]:
        levels.append(inner)
    # From the inside out: what is a fragment is not walked again.
    for depth in reversed(range(_STEP, len(levels), _STEP)):
        for outer in levels[depth - 1]:
            for place, each in list(_members(outer)):
                if _is_nested(each):
                    outer[place] = orjson.Fragment(exact_json.dumps(each))
    return exact_json.dumps(value)


def _members(outer: Any) -> chain[tuple[Any, Any]]:
    return chain(outer.items() if isinstance(outer, dict) else enumerate(outer))


def _is_nested(value: object) -> bool:
    return isinstance(value, (dict, list))
