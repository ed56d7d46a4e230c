"""The objects every org has besides the catalogue's: its users and itself. They are read, and emit
no change events here.
"""

import sqlite3

from sandbox.org.data.identity import Identity
from sandbox.org.data.setup_objects import BORN as _BORN, PROFILE_ID, SETUP_OBJECTS, STANDARD_PROFILE_ID
from sandbox.org.schema.compounds import standard_address
from sandbox.org.schema.ids import IdMaker
from schemas.catalogue import ObjectSpec

USERS = 40
_FIRST = ["Ada", "Ben", "Carla", "Dmitri", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas"]
_LAST = ["Lindqvist", "Okafor", "Marsh", "Petrov"]

_DATES = {"CreatedDate": {"type": "datetime"}, "LastModifiedDate": {"type": "datetime"}}
_USER_LOCALE = {
    "TimeZoneSidKey": "Europe/London",
    "LocaleSidKey": "en_GB",
    "LanguageLocaleKey": "en_US",
    "EmailEncodingKey": "UTF-8",
}
_ORG_CHOICES = {
    "LanguageLocaleKey": "en_US",
    "DefaultLocaleSidKey": "en_GB",
    "TimeZoneSidKey": "Europe/London",
    **dict.fromkeys(
        ("DefaultAccountAccess", "DefaultCaseAccess", "DefaultLeadAccess", "DefaultOpportunityAccess"), "Edit"
    ),
    "DefaultContactAccess": "ControlledByParent",
}
STANDARD_OBJECTS = {
    **SETUP_OBJECTS,
    "User": ObjectSpec.model_validate(
        {
            "name": "User",
            "label": "Users",
            "key_prefix": "005",
            "fields": {
                "Username": {"type": "string", "length": 80, "required": True},
                "Name": {"type": "string", "length": 121, "required": True},
                "FirstName": {"type": "string", "length": 40},
                "LastName": {"type": "string", "length": 80, "required": True},
                "Email": {"type": "email", "length": 128, "required": True},
                "Alias": {"type": "string", "length": 8},
                "UserType": {"type": "picklist"},
                "IsActive": {"type": "boolean"},
                "ProfileId": {"type": "reference", "references": ["Profile"]},
                "UserRoleId": {"type": "reference", "references": ["UserRole"]},
                "ManagerId": {"type": "reference", "references": ["User"]},
                "CommunityNickname": {"type": "string", "length": 40},
                "FederationIdentifier": {"type": "string", "length": 512},
                **{name: {"type": "string", "length": 80} for name in ("Title", "Department", "CompanyName")},
                **{name: {"type": "phone", "length": 40} for name in ("Phone", "MobilePhone")},
                **{name: {"type": "picklist"} for name in _USER_LOCALE},
                "LastLoginDate": {"type": "datetime"},
                **standard_address("Address"),
                **_DATES,
            },
        }
    ),
    "Organization": ObjectSpec.model_validate(
        {
            "name": "Organization",
            "label": "Organization",
            "key_prefix": "00D",
            "fields": {
                "Name": {"type": "string", "length": 80},
                "OrganizationType": {"type": "picklist"},
                "InstanceName": {"type": "string", "length": 5},
                "IsSandbox": {"type": "boolean"},
                "NamespacePrefix": {"type": "string", "length": 15},
                **{name: {"type": "string", "length": 80} for name in ("Division", "PrimaryContact")},
                **standard_address("Address"),
                "Phone": {"type": "phone", "length": 40},
                **{name: {"type": "picklist"} for name in _ORG_CHOICES},
                "FiscalYearStartMonth": {"type": "int"},
                "UsesStartDateAsFiscalYearName": {"type": "boolean"},
                "IsReadOnly": {"type": "boolean"},
                "TrialExpirationDate": {"type": "datetime"},
                **_DATES,
            },
        }
    ),
}
_EDITION_NAMES = {
    "developer": "Developer Edition",
    "enterprise": "Enterprise Edition",
    "unlimited": "Unlimited Edition",
}


def seed_standard_rows(connection: sqlite3.Connection, identity: Identity, edition: str) -> None:
    """Write the users and the org's own row when they are missing. The first user is the
    integration user.
    """
    connection.execute(
        'INSERT OR REPLACE INTO "Organization" (Id, IsDeleted, SystemModstamp, Name, OrganizationType, InstanceName, '
        "IsSandbox, CreatedDate, LastModifiedDate) VALUES (?, 0, ?, 'Tidegate sandbox', ?, 'TG1', 1, ?, ?)",
        (identity.org_id, _BORN, _EDITION_NAMES[edition], _BORN, _BORN),
    )
    chosen = {**_ORG_CHOICES, "FiscalYearStartMonth": 1, "IsReadOnly": 0, "Country": "GB"}
    marks = ", ".join(f'"{name}" = ?' for name in chosen)
    connection.execute(f'UPDATE "Organization" SET {marks}', tuple(chosen.values()))
    maker = IdMaker("005", identity.user_id)
    people = [(identity.user_id, "Integration", "User", identity.username)]
    for number in range(1, USERS):
        first, last = _FIRST[number % len(_FIRST)], _LAST[number // len(_FIRST)]
        people.append((maker.next(), first, last, f"{first}.{last}@tidegate.example".lower()))
    connection.executemany(
        'INSERT OR IGNORE INTO "User" (Id, IsDeleted, SystemModstamp, Username, Name, FirstName, LastName, Email, Alias, '
        "UserType, IsActive, CreatedDate, LastModifiedDate) VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, 'Standard', 1, ?, ?)",
        [
            (
                id_,
                _BORN,
                username,
                f"{first} {last}",
                first,
                last,
                username,
                (first[0] + last)[:8].lower(),
                _BORN,
                _BORN,
            )
            for id_, first, last, username in people
        ],
    )
    marks = ", ".join(f'"{name}" = ?' for name in _USER_LOCALE)
    connection.execute(
        f'UPDATE "User" SET ProfileId = CASE Id WHEN ? THEN ? ELSE ? END, CommunityNickname = Alias, {marks} '
        "WHERE ProfileId IS NULL",
        (identity.user_id, PROFILE_ID, STANDARD_PROFILE_ID, *_USER_LOCALE.values()),
    )
