"""Fields that follow the stage or status of a record: whether it is closed, whether it is won
(Object Reference, "Opportunity": IsClosed and IsWon follow StageName; "Case" and "Task":
IsClosed follows Status). Nobody writes these fields.
"""

from collections.abc import Mapping

from sandbox.org.schema.setup import load_setup

IS_CLOSED, IS_WON = "IsClosed", "IsWon"
FOLLOWING = (IS_CLOSED, IS_WON)
_SOURCES = {"Opportunity": "StageName", "Case": "Status", "Task": "Status"}


class Following:
    """The fields of one object that follow its stage or status."""

    def __init__(self, object_name: str, fields: Mapping[str, object]) -> None:
        """`fields`: those that the object has; the names count."""
        source = _SOURCES.get(object_name, "")
        self._source = source
        self._names = tuple(name for name in FOLLOWING if name in fields) if source in fields else ()
        self._says = {
            value.lower(): facts
            for value, facts in load_setup().statuses.get(object_name, {}).get(source, {}).items()
        }

    def after(self, values: Mapping[str, object]) -> dict[str, bool]:
        """Their values once a record has these; empty when its stage or status is not among
        them.
        """
        if not self._names or self._source not in values:
            return {}
        facts = self._says.get(str(values[self._source]).lower(), {})
        return {name: bool(facts.get(name, False)) for name in self._names}
