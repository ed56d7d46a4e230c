"""The rights of a profile, and how records are shared among users."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

ADMINISTRATOR = "System Administrator"
"""The integration user's profile."""
STANDARD = "Standard User"
"""Everybody else's, until they are given another one."""
ObjectAccess = Literal["none", "read", "edit", "view_all", "modify_all"]
ALL_ROWS = frozenset({"view_all", "modify_all"})


class _Setting(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rights(_Setting):
    """Everything that can be given or taken. The defaults are those of a user that is set up
    well.
    """

    api_enabled: bool = True
    """API Enabled. Without it every API call is refused; the login is not."""
    view_setup: bool = True
    """View Setup and Configuration: the limits, channel members and object permissions can be read.
    """
    customize_application: bool = True
    """Customize Application: channels, their members and managed subscriptions can be written.
    """
    view_all_data: bool = True
    """View All Data: every record is seen and every object's change events may be followed, however
    records are shared.
    """
    modify_all_data: bool = False
    """Modify All Data: every record may be changed, too."""
    objects: Mapping[str, ObjectAccess] = {}
    """By API name; others: edit. `none` hides the object, `read` allows no write, `view_all` and
    `modify_all` reach beyond sharing.
    """
    hidden_fields: tuple[str, ...] = ()
    """`Case.Subject`: fields, or compounds with all their parts, that field-level security hides.
    """
    read_only_fields: tuple[str, ...] = ()
    """Fields that field-level security lets the user read and not write."""

    def sees_all(self, object_name: str) -> bool:
        """True when sharing hides no record of the object from the user."""
        return self.view_all_data or self.modify_all_data or self.objects.get(object_name) in ALL_ROWS

    def changes_all(self, object_name: str) -> bool:
        """True when sharing withholds no record of the object from the user's writes."""
        return self.modify_all_data or self.objects.get(object_name) == "modify_all"


DEFAULTS = {
    ADMINISTRATOR: Rights(),
    STANDARD: Rights(view_all_data=False, view_setup=False, customize_application=False),
}


class SharingRule(_Setting):
    """All records of one owner are shared with one user (Salesforce Help, "Sharing Rules")."""

    object: str
    owned_by: str
    shared_with: str
    access: Literal["read", "edit"] = "read"


class Sharing(_Setting):
    """How records are shared among users who lack View All."""

    defaults: Mapping[str, Literal["private", "read", "edit"]] = {}
    """Org-wide defaults by API name; others: edit (Salesforce Help, "Organization-Wide Sharing
    Defaults").
    """
    rules: tuple[SharingRule, ...] = ()

    def seen(self, object_name: str, user: str) -> str | None:
        """SQL over the object's columns that holds for the rows that a user sees; None: for all."""
        if self.defaults.get(object_name, "edit") != "private":
            return None
        return self._shared(object_name, user, ("read", "edit"))

    def changed(self, object_name: str, user: str) -> str | None:
        """As `seen`, for the rows that the user may change."""
        if self.defaults.get(object_name, "edit") == "edit":
            return None
        return self._shared(object_name, user, ("edit",))

    def _shared(self, object_name: str, user: str, access: tuple[str, ...]) -> str:
        owners = [user] + [
            rule.owned_by
            for rule in self.rules
            if (rule.object, rule.shared_with) == (object_name, user) and rule.access in access
        ]
        shares = (
            f"SELECT record_id FROM sandbox_shares WHERE object = '{object_name}' AND user = '{user}' "
            f"AND access IN ({_quoted(access)})"
        )
        return f'("OwnerId" IN ({_quoted(owners)}) OR "Id" IN ({shares}))'


def _quoted(texts: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"'{text}'" for text in texts)
