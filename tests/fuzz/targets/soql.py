"""SOQL of the sandbox: compiled to SQL that SQLite runs, or refused in Salesforce's form."""

import sqlite3

from sandbox.org.errors import SalesforceError
from sandbox.org.soql.compiled import CompiledQuery
from sandbox.org.soql.compiler import compile_soql
from tests.sandbox.data.test_soql import ENTITIES, TODAY, insert, new_database

_CONNECTION = new_database()
insert(_CONNECTION, "Account", Id="001Tg0000000001IAA", Name="A")
SEEDS = tuple(
    text.encode()
    for text in (
        "SELECT Id, Name FROM Account WHERE Name LIKE 'a%' ORDER BY Name DESC NULLS LAST LIMIT 5 OFFSET 2",
        "SELECT count() FROM Case WHERE CreatedDate = LAST_N_DAYS:3 AND (Status = 'New' OR NOT Priority = 'High')",
        "SELECT Id, (SELECT Id, LastName FROM Contacts WHERE Email != null) FROM Account",
        "SELECT AccountId, COUNT(Id) n FROM Contact GROUP BY AccountId HAVING COUNT(Id) > 1",
        "SELECT Account.Name FROM Contact WHERE AccountId IN (SELECT Id FROM Account WHERE Name = 'a\\'b')",
        "SELECT FIELDS(ALL) FROM Case LIMIT 200",
        "SELECT Id FROM Case WHERE SystemModstamp >= 2026-01-02T03:04:05Z AND CALENDAR_YEAR(CreatedDate) = 2026",
        "SELECT Id FROM Account USING SCOPE mine WHERE Id IN ('001Tg0000000001', '001Tg0000000001IAA')",
    )
)
WORDS = (
    "SELECT ", " FROM ", " WHERE ", " ORDER BY ", " GROUP BY ", " HAVING ", " LIMIT ", " OFFSET ", " NULLS FIRST", "TODAY",
    "LAST_N_DAYS:", " IN ", " NOT IN ", " LIKE ", " INCLUDES ", "COUNT(", "FORMAT(", "toLabel(", "convertCurrency(", "TYPEOF ",
    "FIELDS(ALL)", "Account", "Contact", "Case", "Id", "Name", "CreatedDate", "IsDeleted", "Amount__c", "null", "true", "ALL ROWS",
)  # fmt: skip


def check(data: bytes) -> None:
    """Nothing but `SalesforceError`; no SQL that SQLite refuses."""
    try:
        compiled = compile_soql(
            data.decode("utf-8", "replace"), ENTITIES, today=TODAY, user="005Tg0000000001IAA"
        )
    except SalesforceError:
        return
    _run(compiled)


def _run(compiled: CompiledQuery) -> None:
    if compiled.shape == "count":
        _CONNECTION.execute(*compiled.count()).fetchone()
        return
    rows: list[sqlite3.Row] = _CONNECTION.execute(*compiled.rows(at_most=20)).fetchall()
    for children in compiled.children:
        _CONNECTION.execute(*children.rows_under(["001Tg0000000001IAA"])).fetchmany(20)
    assert len(rows) <= 20
