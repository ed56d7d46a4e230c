"""Record types: kinds of one object's records, each with a name (Object Reference, "RecordType").

The first one of an object brings the field RecordTypeId. A record that changes its type is an
update like any other (Metadata API Developer Guide, "RecordType").
"""

from dataclasses import dataclass

from sandbox.org.errors import SalesforceError
from sandbox.org.schema.ids import IdMaker
from sandbox.org.schema.objects import OrgField
from sandbox.org.state.org import Org
from sandbox.org.state.schema_changes import SchemaChanges
from schemas.catalogue import FieldType

RECORD_TYPE = "RecordType"
FIELD = "RecordTypeId"
_PREFIX = "012"


@dataclass(frozen=True, slots=True)
class RecordType:
    """One kind of an object's records."""

    id: str
    name: str
    """As people read it."""
    developer_name: str
    """As programs do; one of a kind for an object."""
    is_default: bool = False
    """True for the type of records that are made without one."""


@dataclass(frozen=True, slots=True)
class RecordTypes:
    """The record types of one org."""

    org: Org

    def of(self, object_name: str) -> list[RecordType]:
        """The types of an object, its master aside, in the order of their making."""
        default = self.org.store.defaults.get(object_name, {}).get(FIELD)
        rows = self.org.store.connection.execute(
            f'SELECT Id, Name, DeveloperName FROM "{RECORD_TYPE}" WHERE SobjectType = ? ORDER BY Id',
            (object_name,),
        )
        return [RecordType(each, name, called, each == default) for each, name, called in rows]

    def make(self, object_name: str, name: str, developer_name: str, *, is_default: bool = False) -> str:
        """Make a record type; returns its id. Raises DUPLICATE_DEVELOPER_NAME.

        Args:
            object_name: Of an object that can be written.
            name: As people read it.
            developer_name: As programs do; one of a kind for an object.
            is_default: True makes it the type of the records that are made from now on.
        """
        org = self.org
        spec = org.records_of(object_name).spec
        execute = org.store.connection.execute
        taken = execute(
            f'SELECT 1 FROM "{RECORD_TYPE}" WHERE SobjectType = ? AND DeveloperName = ?',
            (object_name, developer_name),
        ).fetchone()
        if taken is not None:
            raise SalesforceError("DUPLICATE_DEVELOPER_NAME", f"{developer_name} is in use on {object_name}")
        if FIELD not in spec.fields:
            field = OrgField(type=FieldType.REFERENCE, references=(RECORD_TYPE,))
            SchemaChanges(org).add(object_name, FIELD, field)
        with org.batch() as batch:
            last = execute(f'SELECT max(Id) FROM "{RECORD_TYPE}"').fetchone()[0]
            made = IdMaker(_PREFIX, last).next()
            now, user = batch.moment.stored, org.identity.user_id
            columns = (
                "Id, SystemModstamp, Name, DeveloperName, SobjectType, IsActive, CreatedDate, "
                "CreatedById, LastModifiedDate, LastModifiedById"
            )
            values = (made, now, name, developer_name, object_name, True, now, user, now, user)
            marks = ", ".join("?" for _ in values)
            execute(f'INSERT INTO "{RECORD_TYPE}" ({columns}) VALUES ({marks})', values)
            if is_default:
                store = org.store
                defaults = {**store.defaults.get(object_name, {}), FIELD: made}
                store.keep_schema(store.objects[object_name], defaults)
        org.take_schema(object_name)
        return made
