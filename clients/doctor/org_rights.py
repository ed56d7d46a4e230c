"""Asks the org what the integration user may do (Object Reference, "UserPermissionAccess",
"ObjectPermissions").
"""

from collections.abc import Iterable
from typing import Any

from clients.salesforce.http import OrgHttp
from clients.salesforce.soql_requests import SoqlCalls
from schemas.doctor import CheckResult, not_asked, ok, wrong
from schemas.errors import CallRefusedError
from schemas.governor import LeaseClass

LEASE_CLASS = LeaseClass.RECONCILIATION
"""On whose behalf a look's calls are made."""
_DISABLED = {"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"}
_OWN = "SELECT PermissionsApiEnabled, PermissionsViewSetup, PermissionsViewAllData, PermissionsModifyAllData FROM UserPermissionAccess"
_SETUP = "Setup > Permission Sets > the integration user's set >"


async def rows(org: OrgHttp, soql: str, *, tooling: bool = False) -> list[dict[str, Any]]:
    """The rows of a query: one API call a page."""
    calls = SoqlCalls(org, LEASE_CLASS, with_deleted=False, of_tooling=tooling)
    return [dict(row) async for row in calls.rows([soql])]


async def examine_permissions(org: OrgHttp, user_id: str, objects: Iterable[str]) -> list[CheckResult]:
    """Check that the user may call, may read the set-up, and sees every record of these objects."""
    try:
        own = await rows(org, _OWN)
    except CallRefusedError as error:
        if not any(code in str(error) for code in _DISABLED):
            raise
        remedy = f"{_SETUP} System Permissions > API Enabled. Without it no call of the engine is answered."
        return [
            wrong("salesforce.api_disabled", "the org refuses every call of the integration user", remedy)
        ]
    given = own[0] if own else {}
    found = []
    if not given.get("PermissionsViewSetup"):
        remedy = f"{_SETUP} System Permissions > View Setup and Configuration."
        told = "the limits, the channels and the object permissions cannot be read, so the governor grants nothing"
        found.append(wrong("salesforce.no_view_setup", told, remedy, where="View Setup and Configuration"))
    if not (given.get("PermissionsViewAllData") or given.get("PermissionsModifyAllData")):
        found += await _objects_not_all_seen(org, user_id, sorted(objects))
    return found or [ok("salesforce.permissions", "the user may call, view the set-up and see every record")]


async def _objects_not_all_seen(org: OrgHttp, user_id: str, objects: list[str]) -> list[CheckResult]:
    """Sharing hides records from a user without View All: they would be missing, and nobody would
    say so.
    """
    listed = ", ".join(f"'{name}'" for name in objects)
    soql = (
        "SELECT SobjectType, PermissionsViewAllRecords, PermissionsModifyAllRecords FROM ObjectPermissions "
        f"WHERE SobjectType IN ({listed}) AND ParentId IN "
        f"(SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '{user_id}')"
    )
    try:
        permitted = await rows(org, soql)
    except CallRefusedError as error:
        remedy = f"{_SETUP} System Permissions > View All Data; or View Setup and Configuration, so that it can be read."
        told = (
            f"the user lacks View All Data, and who may view all records of an object cannot be read: {error}"
        )
        return [not_asked("salesforce.permissions", told, remedy)]
    seen = {
        row["SobjectType"]
        for row in permitted
        if row.get("PermissionsViewAllRecords") or row.get("PermissionsModifyAllRecords")
    }
    return [
        wrong(
            "salesforce.no_view_all",
            f"the user has neither View All Data nor View All Records of {name}: "
            "its change events cannot be followed, and records that sharing hides would be missing",
            f"{_SETUP} System Permissions > View All Data; or Object Settings > {name} > View All Records.",
            where=name,
        )
        for name in objects
        if name not in seen
    ]
