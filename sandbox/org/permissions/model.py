"""The integration user's permissions: system permissions, object permissions and field-level
security.

A hidden object or field does not exist for the user: describe leaves it out, queries and writes
refuse its name, events come without it (Salesforce Help, "Field-Level Security"; Change Data
Capture Developer Guide, "Required Permissions for Receiving Change Events").
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sandbox.org.data.store import Store
from sandbox.org.errors import SalesforceError
from sandbox.org.soql.entities import Entities, Entity

ObjectAccess = Literal["none", "read", "view_all"]
_TABLE = "CREATE TABLE IF NOT EXISTS sandbox_permissions (id INTEGER PRIMARY KEY, rights TEXT NOT NULL)"
_NEVER_HIDDEN = frozenset({"Id", "IsDeleted", "SystemModstamp"})


class Rights(BaseModel):
    """Everything that can be given or taken. The defaults are those of a user that is set up
    well.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_enabled: bool = True
    """API Enabled. Without it every API call is refused; the login is not."""
    view_setup: bool = True
    """View Setup and Configuration: the limits, channel members and object permissions can be read.
    """
    view_all_data: bool = True
    """View All Data: every object's change events may be followed."""
    objects: Mapping[str, ObjectAccess] = {}
    """By API name; others: read. `view_all` is View All Records; `none` hides the object."""
    hidden_fields: tuple[str, ...] = ()
    """`Case.Subject`: fields, or compounds with all their parts, that field-level security hides.
    """


class Permissions:
    """The rights as they are now. They survive a restart; a reset of the org gives them all
    back.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        store.connection.execute(_TABLE)
        self.rights = Rights()
        self.reload()

    def reload(self) -> None:
        """Read the rights again."""
        row = self._store.connection.execute("SELECT rights FROM sandbox_permissions").fetchone()
        self.rights = Rights() if row is None else Rights.model_validate_json(row[0])

    def give(self, rights: Rights) -> None:
        """Let the user have these rights from now on; raises `SalesforceError` for an object or
        field that there is not.
        """
        self._check(rights)
        self._store.connection.execute(
            "INSERT OR REPLACE INTO sandbox_permissions VALUES (1, ?)", (rights.model_dump_json(),)
        )
        self.rights = rights

    def may_follow(self, objects: Iterable[str]) -> bool:
        """True when the user may subscribe to the change events of all these objects."""
        return self.rights.view_all_data or all(
            self.rights.objects.get(name) == "view_all" for name in objects
        )

    def hidden(self, object_name: str) -> frozenset[str]:
        """The fields of the object that the user does not see, parts of hidden compounds
        included.
        """
        fields = self._store.objects[object_name].fields
        named = {
            field
            for whole in self.rights.hidden_fields
            for name, _, field in (whole.partition("."),)
            if name == object_name
        }
        # Field-level security is set on a compound as a whole, never on one of its parts.
        compounds = {part_of for name in named if name in fields and (part_of := fields[name].part_of)}
        parts = {name for name, spec in fields.items() if spec.part_of in named | compounds}
        return frozenset((named | compounds | parts) - _NEVER_HIDDEN)

    def visible(self, entities: Entities) -> Entities:
        """The org's objects as the user sees them."""
        if not self.rights.objects and not self.rights.hidden_fields:
            return entities
        seen = [entity for entity in entities if self.rights.objects.get(entity.name) != "none"]
        return Entities({entity.name: self._visible(entity) for entity in seen})

    def _visible(self, entity: Entity) -> Entity:
        hidden = self.hidden(entity.name)
        fields = {name: field for name, field in entity.fields.items() if name not in hidden}
        return replace(entity, fields=fields) if hidden else entity

    def _check(self, rights: Rights) -> None:
        for name in rights.objects:
            if name not in self._store.objects:
                raise SalesforceError("INVALID_TYPE", f"There is no object {name}")
        for whole in rights.hidden_fields:
            name, _, field = whole.partition(".")
            spec = self._store.objects.get(name)
            if spec is None or (field not in spec.fields and field not in spec.compounds):
                raise SalesforceError("INVALID_FIELD", f"There is no field {whole}")
            if field in spec.fields and spec.fields[field].required:
                raise SalesforceError("INVALID_FIELD", f"{whole} is required, so it cannot be hidden")
