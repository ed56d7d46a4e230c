"""The org as one user sees it.

A hidden object or field does not exist for the user: describe leaves it out, queries and writes
refuse its name, events come without it (Salesforce Help, "Field-Level Security"; Change Data
Capture Developer Guide, "Field-Level Security"). A row that sharing hides is in no answer.
"""

from dataclasses import dataclass, replace

from sandbox.org.permissions.model import Permissions
from sandbox.org.permissions.rights import Rights
from sandbox.org.soql.entities import Entities, Entity

OWNER = "OwnerId"


@dataclass(frozen=True)
class View:
    """The sight and the rights of one user; it stays as it was when rights change."""

    user: str
    rights: Rights
    entities: Entities
    permissions: Permissions

    def hidden(self, object_name: str) -> frozenset[str]:
        """The fields of an object that the user does not see."""
        return self.permissions.fields_of(object_name, self.rights.hidden_fields)

    def frozen(self, object_name: str) -> frozenset[str]:
        """The fields of an object that the user sees and may not write."""
        return self.permissions.fields_of(object_name, self.rights.read_only_fields)

    def may_write(self, object_name: str) -> bool:
        """False when the user may read the object's records at most."""
        return self.rights.objects.get(object_name, "edit") not in ("none", "read")

    def edited(self, object_name: str) -> str | None:
        """SQL that holds for the rows that the user may change; None: for all."""
        entity = self.entities.find(object_name)
        if entity is None or OWNER not in entity.fields or self.rights.changes_all(object_name):
            return None
        return self.permissions.sharing.changed(object_name, self.user)


def view_of(user: str, everything: Entities, permissions: Permissions) -> View:
    """The org's objects as a user sees them."""
    rights = permissions.of(user)
    view = View(user, rights, everything, permissions)
    if rights == Rights(view_all_data=rights.view_all_data) and not permissions.sharing.defaults:
        return view
    seen = [entity for entity in everything if rights.objects.get(entity.name) != "none"]
    return replace(view, entities=Entities({entity.name: _visible(view, entity) for entity in seen}))


def _visible(view: View, entity: Entity) -> Entity:
    hidden, frozen = view.hidden(entity.name), view.frozen(entity.name)
    rows = None
    if OWNER in entity.fields and not view.rights.sees_all(entity.name):
        rows = view.permissions.sharing.seen(entity.name, view.user)
    fields = {
        name: replace(field, read_only=True) if name in frozen else field
        for name, field in entity.fields.items()
        if name not in hidden
    }
    return replace(entity, fields=fields, rows=rows, read_only=not view.may_write(entity.name))
