"""`@{ref.records[0].Id}`: what an earlier subrequest answered, put into a later one's address or
body.
"""

import re
from collections.abc import Mapping
from typing import Any

from sandbox.org.composite.errors import invalid_reference

_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}", re.ASCII)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]", re.ASCII)


def resolved(value: Any, answers: Mapping[str, Any]) -> Any:
    """`value` with every reference replaced; raises for one to nothing. A text that is one
    reference takes the value's own type.
    """
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole is not None:
            return _looked_up(whole, answers)
        return _REFERENCE.sub(lambda match: _text(_looked_up(match, answers)), value)
    if isinstance(value, list):
        return [resolved(each, answers) for each in value]
    if isinstance(value, dict):
        return {name: resolved(each, answers) for name, each in value.items()}
    return value


def mentioned(value: Any) -> frozenset[str]:
    """The reference ids that `value` mentions."""
    if isinstance(value, str):
        return frozenset(match[1] for match in _REFERENCE.finditer(value))
    parts = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return frozenset().union(*(mentioned(each) for each in parts))


def _looked_up(match: re.Match[str], answers: Mapping[str, Any]) -> Any:
    name, path = match.groups()
    if name not in answers:
        raise invalid_reference(match[0], f"No previous request has the reference id {name}.")
    value = answers[name]
    for step in _STEP.finditer(path):
        key, index = step.groups()
        try:
            value = value[key] if key is not None else value[int(index)]
        except (KeyError, IndexError, TypeError):
            raise invalid_reference(match[0], f"No value for {name}{path} found in {name}.") from None
    return value


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
