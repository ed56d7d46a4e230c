"""Rows that are in no table, queried as if they were: each query lays them out in memory and is
compiled like any other.

An object is served as soon as it has a provider of rows.
"""

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

import orjson

from sandbox.org.errors import SalesforceError
from sandbox.org.permissions import rows as permission_rows
from sandbox.org.permissions.rights import Rights
from sandbox.org.queries.cursors import Cursors
from sandbox.org.queries.results import Result, ResultReader
from sandbox.org.soql.compiled import CompiledQuery
from sandbox.org.soql.compiler import compile_soql
from sandbox.org.soql.entities import Entities
from sandbox.org.soql.errors import SoqlError
from sandbox.org.soql.functions import register_functions
from sandbox.org.soql.nodes import AllOf, Comparison, Condition, FieldPath, Membership, Query, SelectItem
from sandbox.org.soql.parser import parse
from sandbox.org.state.org import Org
from sandbox.org.tooling.definitions import custom_field_rows, entity_rows, field_rows
from sandbox.org.tooling.objects import (
    CUSTOM_FIELD,
    EMPTY,
    ENTITY_DEFINITION,
    FIELD_DEFINITION,
    METADATA,
    SPECS,
    tooling_entities,
)
from schemas.salesforce.limits import QUERY_PAGE_MAX

Provider = Callable[[], Sequence[Mapping[str, object]]]
_BORN = "2021-03-01T08:00:00.000Z"
_IN_REST = frozenset({ENTITY_DEFINITION, FIELD_DEFINITION, *permission_rows.FIELDS})
"""Objects that `/query` knows too, not only `/tooling/query`."""
_IN_REST_LOWER = frozenset(name.lower() for name in _IN_REST)
ROWS_ASKED = re.compile("definition|permission", re.IGNORECASE)
"""Whatever asks for one of them has one of these words."""
_FOR_EVERYBODY = frozenset({permission_rows.USER_PERMISSION_ACCESS})
"""Objects of the Tooling API that need no View Setup and Configuration."""


class Room:
    """The objects that one user may query in one place, with their rows."""

    def __init__(self, names: frozenset[str], providers: Mapping[str, Provider]) -> None:
        self.entities = tooling_entities(names)
        self._providers = {name: found for name, found in providers.items() if name in names}

    def query(self, soql: str, base: str) -> Result:
        """The whole result; raises `SalesforceError`."""
        compiled = compile_soql(soql, self.entities)
        if compiled.entity.name == FIELD_DEFINITION and not _is_narrowed(parse(soql).where):
            message = (
                f"{FIELD_DEFINITION}: a filter on a reified column is required [EntityDefinitionId,DurableId]"
            )
            raise SalesforceError("MALFORMED_QUERY", message)
        with closing(sqlite3.connect(":memory:")) as connection:
            register_functions(connection)
            for name, provider in self._providers.items():
                _lay_out(connection, name, provider())
            result = _result(connection, compiled, base)
        return _with_metadata(parse(soql), result)


class Tooling:
    """The Tooling API's objects over `org`."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self.providers: dict[str, Provider] = {
            **dict.fromkeys(EMPTY, tuple),
            **org.event_metadata.providers,
        }
        """Object -> its rows, the same for everybody, keyed by field name with an `Id` each; a
        field that is left out is null.
        """

    def in_setup(self, user: str | None = None) -> Room:
        """The Tooling API of a user (None: the integration user): every field, field-level security
        or not, with View Setup and Configuration, and next to nothing without (SOAP API Developer
        Guide, "Tooling API Objects in the Enterprise and Partner WSDL"; Tooling API,
        "FieldDefinition": it is exposed to profiles with ViewSetup).
        """
        providers = self._providers(self._org.everything, user)
        return Room(frozenset(providers) if self._rights(user).view_setup else _FOR_EVERYBODY, providers)

    def in_rest(self, user: str | None = None) -> Room:
        """Objects of the Tooling API that the REST and SOAP APIs have too, as field-level security
        shows them to a user (the same page of the SOAP API Developer Guide).
        """
        hidden = frozenset() if self._rights(user).view_setup else permission_rows.NEEDS_VIEW_SETUP
        return Room(_IN_REST - hidden, self._providers(self._org.view(user).entities, user))

    def is_asked(self, soql: str) -> bool:
        """True for a query of `/query` that only these rows can answer."""
        try:
            return parse(soql).object_name.lower() in _IN_REST_LOWER
        except SoqlError:
            return False

    def _rights(self, user: str | None) -> Rights:
        return self._org.permissions.of(user or self._org.identity.user_id)

    def _providers(self, shown: Entities, user: str | None) -> dict[str, Provider]:
        org = self._org
        return {
            ENTITY_DEFINITION: lambda: entity_rows(shown),
            FIELD_DEFINITION: lambda: field_rows(shown),
            CUSTOM_FIELD: lambda: custom_field_rows(shown),
            **self.providers,
            **permission_rows.providers(
                org.permissions, org.identity, lambda: sorted(org.store.tracked), user or org.identity.user_id
            ),
        }


def _with_metadata(query: Query, result: Result) -> Result:
    """Metadata as the object that it is. It and FullName are returned for one row at a time
    (Tooling API, "SOQL Operation Limitations").
    """
    names = {
        item.expression.text.lower()
        for item in query.select
        if isinstance(item, SelectItem) and isinstance(item.expression, FieldPath)
    }
    total = result["totalSize"]
    if names & {"metadata", "fullname"} and isinstance(total, int) and total > 1:
        message = (
            "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more than one row "
            f"for retrieval. Result size: {total}"
        )
        raise SalesforceError("MALFORMED_QUERY", message)
    records = result["records"]
    for record in records if isinstance(records, list) else ():
        if isinstance(record.get(METADATA), str):
            record[METADATA] = orjson.loads(record[METADATA])
    return result


def _result(connection: sqlite3.Connection, compiled: CompiledQuery, base: str) -> Result:
    if compiled.shape == "rows" and connection.execute(*compiled.count()).fetchone()[0] > QUERY_PAGE_MAX:
        message = f"{compiled.entity.name} does not support queryMore(), use LIMIT to restrict the results to a single batch"
        raise SalesforceError("EXCEEDED_ID_LIMIT", message)
    return ResultReader(connection, Cursors(), base, QUERY_PAGE_MAX).first(compiled)


def _lay_out(connection: sqlite3.Connection, name: str, rows: Sequence[Mapping[str, object]]) -> None:
    columns = ("Id", "IsDeleted", "SystemModstamp", *SPECS[name].fields)
    quoted = ", ".join(f'"{column}"' for column in columns)
    connection.execute(f'CREATE TABLE "{name}" ({quoted})')
    defaults = {"IsDeleted": 0, "SystemModstamp": _BORN}
    values = [tuple(row.get(column, defaults.get(column)) for column in columns) for row in rows]
    connection.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" for _ in columns)})', values)


def _is_narrowed(condition: Condition | None) -> bool:
    """True when the rows of one object, or one row, are asked for: what Salesforce requires of
    FieldDefinition.
    """
    if isinstance(condition, AllOf):
        return any(_is_narrowed(each) for each in condition.operands)
    if isinstance(condition, Comparison | Membership) and isinstance(condition.left, FieldPath):
        path = condition.left.text.lower().removeprefix(f"{FIELD_DEFINITION.lower()}.")
        return path in ("entitydefinitionid", "durableid") or path.startswith("entitydefinition.")
    return False
