"""An org as simple as it can be thought: records in dictionaries, rules in plain sentences, queries
by looking at every record.

It is what the real one is compared with, so it shares no code with it.
"""

from dataclasses import dataclass, field
from typing import Any

TEXT, NUMBER, BOOLEAN, DATE, REFERENCE = "text", "number", "boolean", "date", "reference"
FIELDS = {
    "Account": {
        "Name": TEXT,
        "ExternalId__c": TEXT,
        "Website": TEXT,
        "NumberOfEmployees": NUMBER,
        "AnnualRevenue": NUMBER,
        "Verified__c": BOOLEAN,
        "EligibleUntil__c": DATE,
    },
    "Contact": {"LastName": TEXT, "Title": TEXT, "AccountId": REFERENCE, "HasOptedOutOfEmail": BOOLEAN},
}
REQUIRED = {"Account": "Name", "Contact": "LastName"}


@dataclass
class NaiveOrg:
    """Records by object and id; a deleted one stays, marked."""

    records: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {name: {} for name in FIELDS}
    )

    def refusal(self, object_name: str, values: dict[str, Any], record_id: str | None) -> str | None:
        """Why a create (`record_id` None) or an update is refused; None when it is not."""
        required = REQUIRED[object_name]
        if (record_id is None or required in values) and values.get(required) in (None, ""):
            return "REQUIRED_FIELD_MISSING"
        key = values.get("ExternalId__c")
        if key and any(
            id_ != record_id and not row["IsDeleted"] and (row["ExternalId__c"] or "").lower() == key.lower()
            for id_, row in self.records[object_name].items()
        ):
            return "DUPLICATE_VALUE"
        return None

    def create(self, object_name: str, record_id: str, values: dict[str, Any]) -> None:
        blank = {name: False if kind == BOOLEAN else None for name, kind in FIELDS[object_name].items()}
        self.records[object_name][record_id] = {
            "Id": record_id,
            "IsDeleted": False,
            **blank,
            **_stored(values),
        }

    def update(self, object_name: str, record_id: str, values: dict[str, Any]) -> None:
        self.records[object_name][record_id] |= _stored(values)

    def alive(self, object_name: str) -> list[str]:
        return [id_ for id_, row in self.records[object_name].items() if not row["IsDeleted"]]

    def binned(self, object_name: str) -> list[str]:
        return [id_ for id_, row in self.records[object_name].items() if row["IsDeleted"]]

    def select(self, object_name: str, condition: "Condition | None", *, deleted: bool) -> set[str]:
        """Ids of the records that the condition holds for."""
        rows = self.records[object_name].values()
        return {
            row["Id"]
            for row in rows
            if (deleted or not row["IsDeleted"]) and (condition is None or condition.holds(row))
        }


def _stored(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value == "" else value for name, value in values.items()}


@dataclass(frozen=True)
class Condition:
    """A condition as SOQL writes it, and as it is meant."""

    soql: str
    operator: str
    name: str = ""
    value: Any = None
    parts: tuple["Condition", ...] = ()

    def holds(self, row: dict[str, Any]) -> bool:
        if self.parts:
            held = [part.holds(row) for part in self.parts]
            return {"AND": all(held), "OR": any(held), "NOT": not held[0]}[self.operator]
        left = _folded(row[self.name])
        if self.operator in ("IN", "NOT IN"):
            return (left in [_folded(each) for each in self.value]) == (self.operator == "IN")
        right = _folded(self.value)
        if self.operator == "LIKE":
            return left is not None and left.startswith(right)
        if self.operator in ("=", "!="):
            # The empty text is no value.
            return (left == (None if right == "" else right)) == (self.operator == "=")
        if left is None or right is None:
            return False
        return bool(
            {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[self.operator]
        )


def _folded(value: Any) -> Any:
    """Texts are compared without regard to case."""
    return value.lower() if isinstance(value, str) else value
