"""Objects that say how an org is set up: profiles, roles, queues, record types, stages, statuses.
Tools read them before anything else (Object Reference, "Standard Objects"). They are read-only here
and emit no change events.
"""

import sqlite3
from collections.abc import Iterable, Mapping

from sandbox.org.schema.ids import eighteen
from sandbox.org.schema.setup import load_setup
from schemas.catalogue import ObjectSpec

BORN = "2021-03-01T08:00:00.000Z"
PROFILE_ID = eighteen("00eTg0000000001")
"""Of the integration user; every other user has the second profile."""
STANDARD_PROFILE_ID = eighteen("00eTg0000000002")
_TEXT = {"type": "string", "length": 255}
_NAME = {"type": "string", "length": 80, "required": True}
_CHOICE = {"type": "picklist"}
_FLAG = {"type": "boolean"}
_NUMBER = {"type": "int"}
_USER = {"type": "reference", "references": ["User"]}
_STAMPS = {
    "CreatedDate": {"type": "datetime"},
    "CreatedById": _USER,
    "LastModifiedDate": {"type": "datetime"},
    "LastModifiedById": _USER,
}
_FIELDS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "Profile": ("00e", {"Name": _NAME, "UserType": _CHOICE, "Description": _TEXT}),
    "UserRole": (
        "00E",
        {
            "Name": _NAME,
            "DeveloperName": _NAME,
            "ParentRoleId": {"type": "reference", "references": ["UserRole"]},
            "RollupDescription": _TEXT,
            "PortalType": _CHOICE,
        },
    ),
    "Group": (
        "00G",
        {
            "Name": _NAME,
            "DeveloperName": _NAME,
            "Type": _CHOICE,
            "Email": {"type": "email", "length": 80},
            "RelatedId": {"type": "reference", "references": ["UserRole"]},
            "DoesSendEmailToMembers": _FLAG,
            "DoesIncludeBosses": _FLAG,
        },
    ),
    "GroupMember": (
        "011",
        {
            "GroupId": {"type": "reference", "references": ["Group"]},
            "UserOrGroupId": {"type": "reference", "references": ["User", "Group"]},
        },
    ),
    "QueueSobject": (
        "03g",
        {"QueueId": {"type": "reference", "references": ["Group"]}, "SobjectType": _CHOICE},
    ),
    "RecordType": (
        "012",
        {
            "Name": _NAME,
            "DeveloperName": _NAME,
            "NamespacePrefix": _TEXT,
            "Description": _TEXT,
            "SobjectType": _CHOICE,
            "IsActive": _FLAG,
        },
    ),
    "OpportunityStage": (
        "01J",
        {
            **dict.fromkeys(("MasterLabel", "ApiName", "Description"), _TEXT),
            **dict.fromkeys(("IsActive", "IsClosed", "IsWon"), _FLAG),
            **dict.fromkeys(("ForecastCategory", "ForecastCategoryName"), _CHOICE),
            "SortOrder": _NUMBER,
            "DefaultProbability": {"type": "percent"},
        },
    ),
    "CaseStatus": (
        "01J",
        {
            **dict.fromkeys(("MasterLabel", "ApiName"), _TEXT),
            **dict.fromkeys(("IsDefault", "IsClosed"), _FLAG),
            "SortOrder": _NUMBER,
        },
    ),
    "TaskStatus": (
        "01J",
        {
            **dict.fromkeys(("MasterLabel", "ApiName"), _TEXT),
            **dict.fromkeys(("IsDefault", "IsClosed"), _FLAG),
            "SortOrder": _NUMBER,
        },
    ),
    "TaskPriority": (
        "01J",
        {
            **dict.fromkeys(("MasterLabel", "ApiName"), _TEXT),
            **dict.fromkeys(("IsDefault", "IsHighPriority"), _FLAG),
            "SortOrder": _NUMBER,
        },
    ),
    "LeadStatus": (
        "01J",
        {
            **dict.fromkeys(("MasterLabel", "ApiName"), _TEXT),
            **dict.fromkeys(("IsDefault", "IsConverted"), _FLAG),
            "SortOrder": _NUMBER,
        },
    ),
}
SETUP_OBJECTS = {
    name: ObjectSpec.model_validate(
        {"name": name, "label": name, "key_prefix": prefix, "fields": {**fields, **_STAMPS}}
    )
    for name, (prefix, fields) in _FIELDS.items()
}

_STATUSES = {
    "OpportunityStage": ("Opportunity", "StageName"),
    "CaseStatus": ("Case", "Status"),
    "TaskStatus": ("Task", "Status"),
    "TaskPriority": ("Task", "Priority"),
    "LeadStatus": ("Lead", "Status"),
}
"""Object whose rows are the values of a picklist -> the picklist."""
PRICE_BOOK = "Pricebook2"
_QUEUE = eighteen("00GTg0000000001")


def seed_setup_rows(connection: sqlite3.Connection, objects: Iterable[str], user_id: str) -> None:
    """Write the rows of those of `objects` that are set up here, when they are missing."""
    rows = _rows(user_id)
    stamps = {
        "CreatedDate": BORN,
        "CreatedById": user_id,
        "LastModifiedDate": BORN,
        "LastModifiedById": user_id,
    }
    for name in objects:
        prefix = _FIELDS[name][0]
        # Objects of statuses share a prefix.
        first = 1 + 100 * list(_STATUSES).index(name) if name in _STATUSES else 1
        for number, row in enumerate(rows.get(name, ()), first):
            values = {"Id": eighteen(f"{prefix}Tg{number:010d}"), "IsDeleted": 0, "SystemModstamp": BORN}
            whole = values | row | stamps
            columns = ", ".join(f'"{column}"' for column in whole)
            marks = ", ".join("?" for _ in whole)
            connection.execute(
                f'INSERT OR IGNORE INTO "{name}" ({columns}) VALUES ({marks})', tuple(whole.values())
            )


def _rows(user_id: str) -> dict[str, list[dict[str, object]]]:
    return {
        "Profile": [
            {"Name": "System Administrator", "UserType": "Standard"},
            {"Name": "Standard User", "UserType": "Standard"},
        ],
        "UserRole": [{"Name": "Director", "DeveloperName": "Director", "PortalType": "None"}],
        "Group": [
            {"Name": "Intake", "DeveloperName": "Intake", "Type": "Queue", "DoesIncludeBosses": 0},
            {"DeveloperName": "AllInternalUsers", "Type": "Organization", "Name": "All Internal Users"},
        ],
        "GroupMember": [{"GroupId": _QUEUE, "UserOrGroupId": user_id}],
        "QueueSobject": [{"QueueId": _QUEUE, "SobjectType": "Case"}],
        "RecordType": [],
        **{name: _status_rows(name, *picklist) for name, picklist in _STATUSES.items()},
    }


def _status_rows(name: str, of: str, field: str) -> list[dict[str, object]]:
    """A row a value: its place, and what it says of a record; of that, what the object has a field
    for.
    """
    setup = load_setup()
    default = setup.defaults.get(of, {}).get(field)
    says = setup.statuses.get(of, {}).get(field, {})
    flags = [flag for flag, spec in _FIELDS[name][1].items() if spec is _FLAG]
    rows = []
    for number, value in enumerate(setup.choices(of, field), 1):
        facts = says.get(value, {})
        row: dict[str, object] = {"MasterLabel": value, "ApiName": value, "SortOrder": number}
        row |= {flag: bool(facts.get(flag, False)) for flag in flags}
        if "IsDefault" in flags:
            row["IsDefault"] = value == default
        if name == "OpportunityStage":
            forecast = facts.get("ForecastCategory")
            row |= {"IsActive": 1, "ForecastCategory": forecast, "ForecastCategoryName": forecast}
            row["DefaultProbability"] = float(facts.get("Probability", 0))
        rows.append(row)
    return rows


def seed_price_book(connection: sqlite3.Connection, user_id: str) -> None:
    """Every org has a standard price book (Object Reference, "Pricebook2")."""
    values = {
        "Id": eighteen("01sTg0000000001"), "IsDeleted": 0, "SystemModstamp": BORN, "Name": "Standard Price Book",
        "IsActive": 1, "IsStandard": 1, "CreatedDate": BORN, "CreatedById": user_id, "LastModifiedDate": BORN,
        "LastModifiedById": user_id,
    }  # fmt: skip
    columns, marks = ", ".join(values), ", ".join("?" for _ in values)
    connection.execute(
        f'INSERT OR IGNORE INTO "{PRICE_BOOK}" ({columns}) VALUES ({marks})', tuple(values.values())
    )
