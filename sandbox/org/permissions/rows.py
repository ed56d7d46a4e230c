"""The permissions as objects that can be queried (Object Reference, "UserPermissionAccess",
"PermissionSetAssignment", "ObjectPermissions").

The org has one permission set, which stands for everything that the integration user is given.
"""

from collections.abc import Callable, Mapping, Sequence

from sandbox.org.data.identity import Identity
from sandbox.org.permissions.model import Permissions

USER_PERMISSION_ACCESS = "UserPermissionAccess"
PERMISSION_SET_ASSIGNMENT = "PermissionSetAssignment"
OBJECT_PERMISSIONS = "ObjectPermissions"
PERMISSION_SET = "PermissionSet"
NEEDS_VIEW_SETUP = frozenset({OBJECT_PERMISSIONS, PERMISSION_SET_ASSIGNMENT, PERMISSION_SET})
"""Since Summer '20 (Object Reference, "ObjectPermissions", "PermissionSet", "Special Access
Rules").
"""
_PERMISSION_SET = "0PSTg0000000001AAA"

_FLAG = {"type": "boolean"}
_TEXT = {"type": "string", "length": 255}
FIELDS: Mapping[str, tuple[str, Mapping[str, Mapping[str, object]]]] = {
    USER_PERMISSION_ACCESS: (
        "0Uo",
        dict.fromkeys(
            (
                "PermissionsApiEnabled",
                "PermissionsViewSetup",
                "PermissionsCustomizeApplication",
                "PermissionsViewAllData",
                "PermissionsModifyAllData",
            ),
            _FLAG,
        ),
    ),
    PERMISSION_SET_ASSIGNMENT: ("0Pa", {"AssigneeId": _TEXT, "PermissionSetId": _TEXT, "IsActive": _FLAG}),
    PERMISSION_SET: (
        "0PS",
        {
            **dict.fromkeys(("Name", "Label", "NamespacePrefix", "ProfileId", "Type"), _TEXT),
            **dict.fromkeys(
                ("IsOwnedByProfile", "IsCustom", "PermissionsApiEnabled", "PermissionsViewAllData"), _FLAG
            ),
        },
    ),
    OBJECT_PERMISSIONS: (
        "110",
        {
            "ParentId": _TEXT,
            "SobjectType": _TEXT,
            **dict.fromkeys(
                ("PermissionsRead", "PermissionsViewAllRecords", "PermissionsModifyAllRecords"), _FLAG
            ),
        },
    ),
}
"""Object -> key prefix and fields; those that clients ask for."""


def providers(
    permissions: Permissions, identity: Identity, objects: Callable[[], Sequence[str]], user: str
) -> dict[str, Callable[[], Sequence[Mapping[str, object]]]]:
    """Object -> its rows. `objects` names those that permissions are for; `user` is who asks."""

    def user_permissions() -> list[dict[str, object]]:
        rights = permissions.of(user)
        row = {
            "PermissionsApiEnabled": rights.api_enabled,
            "PermissionsViewSetup": rights.view_setup,
            "PermissionsCustomizeApplication": rights.customize_application,
            "PermissionsViewAllData": rights.view_all_data,
            "PermissionsModifyAllData": rights.modify_all_data,
        }
        return [{"Id": "000000000000000AAA", **row}]

    def assignments() -> list[dict[str, object]]:
        row = {"AssigneeId": identity.user_id, "PermissionSetId": _PERMISSION_SET, "IsActive": True}
        return [{"Id": "0PaTg0000000001AAA", **row}]

    def object_permissions() -> list[dict[str, object]]:
        return [
            {
                "Id": f"110Tg{number:010d}AAA",
                "ParentId": _PERMISSION_SET,
                "SobjectType": name,
                "PermissionsRead": True,
                "PermissionsViewAllRecords": permissions.may_follow([name]),
                "PermissionsModifyAllRecords": permissions.rights.changes_all(name),
            }
            for number, name in enumerate(objects(), 1)
            if permissions.rights.objects.get(name) != "none"
        ]

    return {
        USER_PERMISSION_ACCESS: user_permissions,
        PERMISSION_SET_ASSIGNMENT: assignments,
        PERMISSION_SET: lambda: _permission_sets(permissions),
        OBJECT_PERMISSIONS: object_permissions,
    }


def _permission_sets(permissions: Permissions) -> list[dict[str, object]]:
    row = {
        "Name": "Tidegate_Integration",
        "Label": "Tidegate Integration",
        "Type": "Regular",
        "IsOwnedByProfile": False,
        "IsCustom": True,
        "PermissionsApiEnabled": permissions.rights.api_enabled,
        "PermissionsViewAllData": permissions.rights.view_all_data,
    }
    return [{"Id": _PERMISSION_SET, **row}]
