"""Values that do not fit their field, and values that fit with something to say about them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from schemas.quality import Rule, Severity

Converter = Callable[[Any], Any]
"""Takes a JSON value that is not null; raises `MisfitError` when it does not fit, `NotedError`
when it fits in another form.
"""


class MisfitError(ValueError):
    """A value that does not fit its field: the field is unknown. Its message never shows the
    value.
    """

    def __init__(self, rule: Rule, detail: str, severity: Severity = Severity.ISOLATE) -> None:
        self.rule = rule
        self.severity = severity
        """`reject`: the whole change is refused."""
        super().__init__(detail)


class Note(NamedTuple):
    """The note about a value that landed."""

    rule: Rule
    severity: Severity
    detail: str


class NotedError(ValueError):
    """A value that fits, with something to say about it."""

    def __init__(self, value: Any, notes: Sequence[Note]) -> None:
        self.value = value
        self.notes = tuple(notes)
        super().__init__(notes[0].detail)


MISFIT = b"\xff"
"""Stands for a value that does not fit its field, where values are compared: unlike every value,
and like itself.
"""


def landed(convert: Converter, value: Any) -> Any:
    """The value as it lands, whatever is said about it; `MISFIT` for one that does not fit."""
    try:
        return convert(value)
    except NotedError as noted:
        return noted.value
    except MisfitError:
        return MISFIT


def with_misfits(values: Sequence[Any], columns: Sequence[str], unknown_fields: str | None) -> Sequence[Any]:
    """A row's values with `MISFIT` for each column that its `unknown_fields` names."""
    if unknown_fields is None:
        return values
    unknown = set(unknown_fields.split(","))
    return [MISFIT if column in unknown else value for column, value in zip(columns, values, strict=True)]
