"""The fold's SQL is in the part of SQL that Redshift and PostgreSQL share.

Statements are found by looking into the module, so that a new one is checked without being
listed here. That PostgreSQL runs them is proved by the tests of law 3.
"""

import inspect
import itertools
from datetime import date
from functools import cache
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from clients.warehouse import redshift_sql
from clients.warehouse.shadow import schemas as shadow_schemas, sql as shadow_sql
from clients.warehouse.sql import (
    apply,
    changes_ahead,
    copies,
    erasure,
    holds,
    ledger,
    merge as merge_sql,
    quality,
    quality_queries,
    reconcile,
    references,
    refresh,
    repair,
    replay,
    retention,
    scorecard,
    slices,
    status,
    token_keys,
    writeback,
)
from clients.warehouse.sql.token_keys import TokenShape
from schemas.catalogue import default_catalogue
from schemas.quality import Rule
from schemas.tables import arrow_schema, field_column, field_columns
from transforms.quality.scorecard import RuleCount

SPECS = list(default_catalogue().objects.values())
TABLES = apply.TABLES_OF_OPS | {t: c for spec in SPECS for t, c in apply.tables_of(spec).items()}
COMPARED = {t: c for spec in SPECS for t, c in shadow_sql.compared_tables(spec).items()}
MODULES = (
    apply,
    changes_ahead,
    copies,
    erasure,
    holds,
    ledger,
    merge_sql,
    quality_queries,
    quality,
    reconcile,
    references,
    refresh,
    replay,
    repair,
    retention,
    scorecard,
    shadow_sql,
    shadow_schemas,
    slices,
    status,
    token_keys,
    writeback,
)

ARGUMENTS: dict[tuple[str, ...], list[tuple[Any, ...]]] = {
    (): [()],
    ("spec",): [(spec,) for spec in SPECS],
    ("table",): [(table,) for table in TABLES],
    ("table", "columns"): list(TABLES.items()),
    ("table", "time"): [("audit.case_change", "applied_at"), ("ops.ledger", "committed_at")],
    ("table", "columns", "time"): [("audit.case_change", ['c."record_id"', 'c."status"'], "applied_at")],
    ("table", "subject", "time"): [("audit.case_change", "record_id", "applied_at")],
    ("table", "names"): [
        (table, names) for table in TABLES for names in (["record_id"], ["email", "birthdate"])
    ],
    ("table", "column"): [(table, "email") for table in TABLES],
    ("table", "column", "count"): [(table, "email", 20) for table in TABLES],
    ("table", "shapes", "limit"): [
        (table, {"email": TokenShape(("tg1.2.", "tg1x.2."), has_index=indexed)}, 2_000)
        for table in TABLES
        for indexed in (False, True)
    ],
    ("spec", "names", "count"): [(spec, ["owner_id", "status"], 100) for spec in SPECS],
    ("name",): [("rehearsal",)],
    ("schema",): [("shadow_rehearsal_curated",)],
    ("prefix",): [("shadow_rehearsal_",)],
    ("statement", "prefix"): [("curated.case_current", "shadow_rehearsal_")],
    ("table", "columns", "prefix"): [
        (table, columns, "shadow_rehearsal_") for table, columns in COMPARED.items()
    ],
    ("table", "columns", "prefix", "count"): [
        (table, columns, "shadow_rehearsal_", 5) for table, columns in COMPARED.items()
    ],
    ("count",): [(1,), (500,)],
    ("limit",): [(1,), (500,)],
    ("acknowledged",): [(False,), (True,)],
    ("count", "acknowledged"): [(5, False), (5, True)],
    ("spec", "columns"): [(spec, [field_column("name", spec.fields["OwnerId"])]) for spec in SPECS],
    ("spec", "names"): [(spec, ["owner_id", "status"]) for spec in SPECS],
    ("spec", "reference", "parent", "names"): [(SPECS[0], "owner_id", SPECS[1], ["phone"])],
    ("child", "reference", "names"): [(SPECS[1], "account_id", ["phone", "type"])],
    ("object_name", "day"): [("Case", date(2026, 11, 29))],
    ("object_name", "day", "scores"): [
        ("Case", date(2026, 11, 29), [RuleCount("*", "fits", 9, 1), RuleCount("Status", "values", 3, 0)])
    ],
    ("spec", "parent"): list(itertools.pairwise(SPECS)),
    ("spec", "name"): [(spec, "owner_id") for spec in SPECS],
    ("spec", "name", "parent"): [(spec, "owner_id", SPECS[0]) for spec in SPECS],
    ("spec", "what"): [(spec, what) for spec in SPECS for what in ("latest", "versions")],
    ("spec", "key", "references", "count"): [(spec, "external_id", ["owner_id"], 500) for spec in SPECS],
    ("spec", "count"): [(spec, count) for spec in SPECS for count in (0, 500)],
    ("spec", "limit"): [(spec, 2_000) for spec in SPECS],
    ("spec", "most"): [(spec, 100_000) for spec in SPECS],
    ("spec", "rule"): [(spec, rule) for spec in SPECS for rule in (Rule.PARENT, Rule.UNIQUE)],
    ("spec", "is_whole"): [(spec, is_whole) for spec in SPECS for is_whole in (False, True)],
    ("spec", "limit", "is_whole"): [(spec, 100, is_whole) for spec in SPECS for is_whole in (False, True)],
    ("spec", "seconds", "ranges"): [(spec, 3_600, 2) for spec in SPECS],
    ("spec", "ranges"): [(spec, count) for spec in SPECS for count in (1, 60)],
    ("table", "is_last"): [(table, is_last) for table in TABLES for is_last in (False, True)],
    ("table", "columns", "is_last"): [
        (*each, is_last) for each in TABLES.items() for is_last in (False, True)
    ],
    ("spec", "records"): [(spec, 2_000) for spec in SPECS],
    ("spec", "batches"): [(spec, 500) for spec in SPECS],
    ("spec", "is_last"): [(spec, is_last) for spec in SPECS for is_last in (False, True)],
    ("spec", "fields"): [(spec, field_columns(spec)) for spec in SPECS],
    ("spec", "numbers"): [(spec, field_columns(spec)) for spec in SPECS],
    ("spec", "fields", "limit"): [(spec, field_columns(spec), 2_000) for spec in SPECS],
    ("spec", "numbers", "seconds", "ranges"): [(spec, field_columns(spec), 3_600, 2) for spec in SPECS],
}
"""Arguments of a function of `apply` or `reconcile`, by the names of its parameters."""

NOT_IN_REDSHIFT = [
    "ON CONFLICT",
    "RETURNING",
    "FILTER(",
    "FILTER (",
    "DISTINCT ON",
    "IS DISTINCT FROM",
    "LATERAL",
    "ARRAY[",
    # It has them on the leader node, which has no tables of ours.
    "NOW()",
    "INFORMATION_SCHEMA",
    # It carries one out as a temporary table, an UPDATE and an INSERT.
    "MERGE INTO",
]
PARAMETER = sqlglot.parse_one("'x'", read="redshift")


RESERVED = frozenset(
    [
        "aes128",
        "aes256",
        "all",
        "allowoverwrite",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "authorization",
        "az64",
        "backup",
        "between",
        "binary",
        "blanksasnull",
        "both",
        "bytedict",
        "bzip2",
        "case",
        "cast",
        "check",
        "collate",
        "column",
        "connect",
        "constraint",
        "create",
        "credentials",
        "cross",
        "current_date",
        "current_time",
        "current_timestamp",
        "current_user",
        "current_user_id",
        "default",
        "deferrable",
        "deflate",
        "defrag",
        "delta",
        "delta32k",
        "desc",
        "disable",
        "distinct",
        "do",
        "else",
        "emptyasnull",
        "enable",
        "encode",
        "encrypt",
        "encryption",
        "end",
        "except",
        "explicit",
        "false",
        "for",
        "foreign",
        "freeze",
        "from",
        "full",
        "globaldict256",
        "globaldict64k",
        "grant",
        "group",
        "gzip",
        "having",
        "identity",
        "ignore",
        "ilike",
        "in",
        "initially",
        "inner",
        "intersect",
        "interval",
        "into",
        "is",
        "isnull",
        "join",
        "language",
        "leading",
        "left",
        "like",
        "limit",
        "localtime",
        "localtimestamp",
        "lun",
        "luns",
        "lzo",
        "lzop",
        "minus",
        "mostly16",
        "mostly32",
        "mostly8",
        "natural",
        "new",
        "not",
        "notnull",
        "null",
        "nulls",
        "off",
        "offline",
        "offset",
        "oid",
        "old",
        "on",
        "only",
        "open",
        "or",
        "order",
        "outer",
        "overlaps",
        "parallel",
        "partition",
        "percent",
        "permissions",
        "pivot",
        "placing",
        "primary",
        "raw",
        "readratio",
        "recover",
        "references",
        "rejectlog",
        "resort",
        "respect",
        "restore",
        "right",
        "select",
        "session_user",
        "similar",
        "snapshot",
        "some",
        "start",
        "sysdate",
        "system",
        "table",
        "tag",
        "tdes",
        "text255",
        "text32k",
        "then",
        "timestamp",
        "to",
        "top",
        "trailing",
        "true",
        "truncatecolumns",
        "union",
        "unique",
        "unnest",
        "unpivot",
        "user",
        "using",
        "verbose",
        "wallet",
        "when",
        "where",
        "with",
        "without",
    ]
)
"""Words that Redshift takes for a name only in quotes:
https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html. sqlglot's list has others.
"""
FUNCTIONS = {
    name: function
    for module in MODULES
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and not name.startswith("_")
}


@cache
def statements_of(name: str) -> list[str]:
    """Every text that the function makes; empty when what it makes is no statement but a name."""
    function = FUNCTIONS[name]
    signature = inspect.signature(function).parameters
    parameters = tuple(signature)
    assert parameters in ARGUMENTS, f"say in ARGUMENTS what {name}{parameters} is called with"
    by_name = {each.name for each in signature.values() if each.kind is each.KEYWORD_ONLY}
    made: list[Any] = []
    for arguments in ARGUMENTS[parameters]:
        given = dict(zip(parameters, arguments, strict=True))
        named = {each: given.pop(each) for each in by_name}
        found = function(*given.values(), **named)
        made += found if isinstance(found, list) else [found]
    return [text for text in made if isinstance(text, str) and " " in text]


NAMES = [name for name in FUNCTIONS if statements_of(name)]


@cache
def parsed(statement: str) -> exp.Expr:
    tree = sqlglot.parse_one(statement.replace("%s", "'x'"), read="redshift")
    # What sqlglot does not understand it keeps as a Command, without complaint.
    assert not tree.find(exp.Command), statement
    return tree


def test_statements_are_found() -> None:
    known = {
        "find_last_orders",
        "read_changes",
        "close_versions",
        "open_versions",
        "update_current",
        "delete_rebuilt",
    }
    assert known | {"find_logged_orders", "find_applied_batches", "insert_row"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_redshift_reads_back_what_was_written(name: str) -> None:
    for statement in statements_of(name):
        tree = parsed(statement)
        assert sqlglot.parse_one(tree.sql("redshift"), read="redshift") == tree, statement


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_used_that_redshift_lacks(name: str) -> None:
    for statement in statements_of(name):
        assert [words for words in NOT_IN_REDSHIFT if words in statement.upper()] == []


@pytest.mark.parametrize("name", NAMES)
def test_redshift_words_are_quoted_where_they_are_names(name: str) -> None:
    for statement in statements_of(name):
        bare = {i.name.lower() for i in parsed(statement).find_all(exp.Identifier) if not i.quoted}
        assert bare & RESERVED == set(), statement


def test_every_table_can_be_made_in_redshift() -> None:
    for table, columns in TABLES.items():
        tree = parsed(redshift_sql.create_statement(table, columns))
        assert isinstance(tree, exp.Create)
        made = {column.name: column.this.quoted for column in tree.find_all(exp.ColumnDef)}
        assert list(made) == arrow_schema(columns).names
        assert {name for name, quoted in made.items() if not quoted} & RESERVED == set()


@pytest.mark.parametrize("name", NAMES)
def test_no_alias_stands_for_the_table_that_is_updated(name: str) -> None:
    # https://docs.aws.amazon.com/redshift/latest/dg/r_UPDATE.html, "Usage notes"
    for tree in map(parsed, statements_of(name)):
        if isinstance(tree, (exp.Update, exp.Delete)):
            assert tree.this.alias == ""


@pytest.mark.parametrize("name", NAMES)
def test_an_update_finds_one_row_of_what_it_takes_from_the_change_log(name: str) -> None:
    # Several changes of a record match, and Redshift takes any of them.
    for tree in map(parsed, statements_of(name)):
        if isinstance(tree, exp.Update) and (source := tree.args.get("from_")) is not None:
            assert not isinstance(source.this, exp.Table) or not source.this.name.endswith("_change")


@pytest.mark.parametrize("name", NAMES)
def test_no_parameter_without_a_type_stands_among_the_results(name: str) -> None:
    # Redshift: Assert, Invalid type: 705
    for tree in map(parsed, statements_of(name)):
        for select in tree.find_all(exp.Select):
            assert [each for each in select.expressions if each.unalias() == PARAMETER] == []


@pytest.mark.parametrize("name", NAMES)
def test_percentiles_of_a_query_have_one_order(name: str) -> None:
    # https://docs.aws.amazon.com/redshift/latest/dg/r_PERCENTILE_CONT.html
    for tree in map(parsed, statements_of(name)):
        assert len({each.args["expression"].sql() for each in tree.find_all(exp.WithinGroup)}) <= 1
