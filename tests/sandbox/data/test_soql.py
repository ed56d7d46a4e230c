"""SOQL: what a query means, checked against rows in SQLite, and what it says when it is refused."""

import sqlite3
from contextlib import closing
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from sandbox.org.schema.statuses import FOLLOWING
from sandbox.org.soql.compiler import compile_soql
from sandbox.org.soql.dates import date_range
from sandbox.org.soql.entities import build_entities
from sandbox.org.soql.errors import SoqlError
from sandbox.org.soql.functions import register_functions
from sandbox.org.soql.literals import full_id, quote_string, string_value
from sandbox.org.soql.nodes import Comparison, Literal, LiteralKind
from sandbox.org.soql.parser import parse
from schemas.catalogue import ObjectSpec, default_catalogue

TODAY = date(2026, 6, 17)  # a Wednesday
USER = ObjectSpec.model_validate(
    {
        "name": "User",
        "label": "Users",
        "key_prefix": "005",
        "fields": {"Name": {"type": "string"}, "Username": {"type": "string"}},
    }
)
OBJECTS = {**default_catalogue().objects, "User": USER}
ENTITIES = build_entities(OBJECTS)


def make_id(prefix: str, number: int) -> str:
    found = full_id(f"{prefix}Tg0{number:09d}")
    assert found is not None
    return found


def new_database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    register_functions(connection)
    for name, spec in OBJECTS.items():
        columns = "".join(f', "{field}"' for field in dict.fromkeys((*spec.fields, *FOLLOWING)))
        connection.execute(
            f'CREATE TABLE "{name}" (Id TEXT PRIMARY KEY, IsDeleted INTEGER DEFAULT 0, SystemModstamp TEXT{columns})'
        )
    return connection


def insert(connection: sqlite3.Connection, table: str, **values) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    connection.execute(
        f'INSERT INTO "{table}" ({names}) VALUES ({", ".join("?" * len(values))})', list(values.values())
    )


ACCOUNT, CONTACT, OWNER = make_id("001", 1), make_id("003", 1), make_id("005", 1)


@pytest.fixture
def empty():
    """Every table, without a row."""
    with closing(new_database()) as connection:
        yield connection


@pytest.fixture
def database(empty):
    """Two users, three accounts, five cases; one case is deleted."""
    connection = empty
    insert(connection, "User", Id=OWNER, Name="Ada Marsh", Username="ada@x.example")
    for number, (name, region, parent) in enumerate(
        [("Harbour Works", "North", None), ("müller & sons", "South", ACCOUNT), ("O'Hara", None, ACCOUNT)],
        start=1,
    ):
        insert(
            connection, "Account", Id=make_id("001", number), Name=name, Region__c=region, ParentId=parent, OwnerId=OWNER,
            ProgramCodes__c=["A;B", "B;C", None][number - 1], BillingCity="Kiel", AnnualRevenue=10.0 * number,
            SystemModstamp="2026-06-17T10:00:00.000Z",
        )  # fmt: skip
    insert(connection, "Contact", Id=CONTACT, FirstName="Eva", LastName="Lind", AccountId=ACCOUNT)
    days = ["2026-06-17", "2026-06-16", "2026-06-10", "2026-05-31", "2025-12-31"]
    for number, day in enumerate(days, start=1):
        insert(
            connection, "Case", Id=make_id("500", number), CaseNumber=f"{number:08d}", Status=["New", "Closed"][number % 2],
            AccountId=[ACCOUNT, None][number == 3], ContactId=CONTACT, TouchCount__c=[None, 1, 2, 3, 4][number - 1],
            DueDate__c=day, CreatedDate=f"{day}T23:59:59.000Z", SystemModstamp=f"{day}T23:59:59.000Z",
            IsEscalated=number % 2, IsDeleted=int(number == 5), OwnerId=OWNER,
        )  # fmt: skip
    return connection


def rows(database, soql, **options):
    compiled = compile_soql(soql, ENTITIES, today=TODAY, **options)
    return database.execute(*compiled.rows()).fetchall()


def numbers(database, where, **options):
    """The numbers of the cases that the condition lets through."""
    found = rows(database, f"SELECT CaseNumber FROM Case WHERE {where} ORDER BY CaseNumber", **options)
    return [int(row[1]) for row in found]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Status = 'new'", [2, 4]),  # texts do not know case
        ("Status != 'New'", [1, 3]),
        ("TouchCount__c != 2", [1, 2, 4]),  # an absent value is unequal
        ("TouchCount__c = null", [1]),
        ("TouchCount__c <> NULL", [2, 3, 4]),
        ("NOT TouchCount__c > 1", [1, 2]),  # a negation holds for an absent value
        ("TouchCount__c NOT IN (1, 2)", [1, 4]),
        ("TouchCount__c IN (1, null)", [1, 2]),
        ("(Status = 'New' OR TouchCount__c = 2) AND IsEscalated = false", [2, 4]),
        ("AccountId = ''", [3]),
        (f"AccountId = '{ACCOUNT[:15]}'", [1, 2, 4]),  # 15 characters are as good as 18
        ("Account.Region__c LIKE 'n_rt%'", [1, 2, 4]),
        ("Account.Name = null", [3]),
        ("Owner.Name = 'ada marsh' AND CreatedDate > 2026-06-16T23:59:58.999+00:00", [1, 2]),
        ("CreatedDate = 2026-06-17T01:59:59+02:00", [2]),  # to UTC
        ("CreatedDate = TODAY", [1]),
        ("CreatedDate < TODAY", [2, 3, 4]),
        ("DueDate__c = YESTERDAY", [2]),
        ("DueDate__c = LAST_WEEK", [3]),
        ("DueDate__c != THIS_MONTH", [4]),
        ("DueDate__c >= LAST_N_DAYS:7", [1, 2, 3]),
        ("DueDate__c = 2026-06-10", [3]),
        ("CALENDAR_MONTH(CreatedDate) = 5", [4]),
        ("AccountId IN (SELECT AccountId FROM Contact WHERE LastName = 'Lind')", [1, 2, 4]),
        ("AccountId NOT IN (SELECT AccountId FROM Contact)", [3]),
        ("IsDeleted = true", []),
    ],
)  # fmt: skip
def test_a_condition_selects_these_cases(database, where, expected):
    assert numbers(database, where) == expected


def test_deleted_rows_appear_only_when_asked_for(database):
    assert numbers(database, "IsDeleted = true", include_deleted=True) == [5]


def test_letters_beyond_ascii_are_compared_without_case_too(database):
    assert len(rows(database, "SELECT Id FROM Account WHERE Name = 'MÜLLER & Sons'")) == 1
    assert len(rows(database, "SELECT Id FROM Account WHERE Name LIKE '%Ü%'")) == 1
    assert len(rows(database, "SELECT Id FROM Account WHERE Name IN ('MÜLLER & SONS', 'x')")) == 1


def test_includes_wants_every_value_of_one_of_the_groups(database):
    def found(condition):
        return [
            row[1] for row in rows(database, f"SELECT Name FROM Account WHERE ProgramCodes__c {condition}")
        ]

    assert found("INCLUDES ('a;b', 'x')") == ["Harbour Works"]
    assert found("INCLUDES ('C')") == ["müller & sons"]
    assert found("EXCLUDES ('A')") == ["müller & sons", "O'Hara"]


def test_a_path_crosses_several_relationships_with_one_join_each(database):
    compiled = compile_soql(
        "SELECT Account.Parent.Name, Account.Owner.Name, Account.Name FROM Case", ENTITIES
    )
    assert compiled.from_sql.count("LEFT JOIN") == 3


def test_nulls_come_first_unless_told_otherwise(database):
    def order(clause):
        return [
            row[1]
            for row in rows(database, f"SELECT TouchCount__c FROM Case ORDER BY TouchCount__c {clause}")
        ]

    assert order("") == [None, 1, 2, 3]
    assert order("DESC") == [None, 3, 2, 1]
    assert order("NULLS LAST") == [1, 2, 3, None]
    assert order("DESC NULLS LAST LIMIT 2 OFFSET 1") == [2, 1]


def test_ordering_by_modstamp_and_id_uses_an_index(empty):
    empty.execute("CREATE INDEX by_modstamp ON Account (SystemModstamp, Id)")
    compiled = compile_soql(
        "SELECT Id FROM Account WHERE SystemModstamp >= 2026-01-01T00:00:00Z ORDER BY SystemModstamp, Id LIMIT 5",
        ENTITIES,
    )
    sql, params = compiled.rows()
    plan = " ".join(row[3] for row in empty.execute(f"EXPLAIN QUERY PLAN {sql}", params))
    assert "by_modstamp" in plan
    assert "TEMP B-TREE" not in plan


def test_groups_are_counted_and_filtered(database):
    found = rows(
        database,
        "SELECT Status, COUNT(Id) total, MAX(TouchCount__c) FROM Case GROUP BY Status HAVING COUNT(Id) > 1 ORDER BY Status",
    )
    assert found == [("Closed", 2, 2), ("New", 2, 3)]


def test_days_can_be_grouped_by(database):
    found = rows(
        database,
        "SELECT DAY_ONLY(CreatedDate) d, COUNT(Id) n FROM Case GROUP BY DAY_ONLY(CreatedDate) ORDER BY COUNT(Id)",
    )
    assert len(found) == 4


def test_an_aggregate_alias_orders_the_groups(database):
    found = rows(
        database,
        "SELECT Region__c r, SUM(AnnualRevenue) total FROM Account GROUP BY Region__c ORDER BY total DESC",
    )
    assert [row[1] for row in found] == [30.0, 20.0, 10.0]


def test_aggregates_without_alias_are_numbered():
    compiled = compile_soql("SELECT Status, COUNT(Id), MAX(CreatedDate) FROM Case GROUP BY Status", ENTITIES)
    assert [column.path for column in compiled.columns] == [("Status",), ("expr0",), ("expr1",)]
    assert [column.kind for column in compiled.columns] == ["picklist", "int", "datetime"]


def test_count_alone_counts(database):
    compiled = compile_soql("SELECT COUNT() FROM Case WHERE Status = 'New'", ENTITIES)
    assert compiled.shape == "count"
    assert database.execute(*compiled.count()).fetchone() == (2,)


def test_a_result_can_be_read_by_its_ids(database):
    compiled = compile_soql(
        "SELECT CaseNumber, Account.Name FROM Case ORDER BY CaseNumber DESC LIMIT 2", ENTITIES
    )
    ids = [row[0] for row in database.execute(*compiled.ids())]
    again = {row[0]: row for row in database.execute(*compiled.rows_of(ids))}
    assert [again[each] for each in ids] == database.execute(*compiled.rows()).fetchall()
    assert database.execute(*compiled.count()).fetchone() == (2,)


def test_fields_all_names_every_field_once():
    compiled = compile_soql("SELECT FIELDS(ALL) FROM Contact LIMIT 200", ENTITIES)
    names = [column.path[0] for column in compiled.columns]
    assert names == list(ENTITIES.all["Contact"].fields)
    assert {"Name", "MailingAddress", "SystemModstamp", "NationalId__c"} <= set(names)


def test_fields_standard_and_custom_are_disjoint():
    standard = compile_soql("SELECT FIELDS(STANDARD) FROM Case", ENTITIES).columns
    custom = compile_soql("SELECT FIELDS(CUSTOM) FROM Case LIMIT 1", ENTITIES).columns
    assert {c.path for c in standard}.isdisjoint({c.path for c in custom})


def test_a_long_list_of_members_is_bound_as_one_value(database):
    members = ", ".join(f"'{make_id('500', number)}'" for number in range(1, 4000))
    compiled = compile_soql(f"SELECT Id FROM Case WHERE Id IN ({members})", ENTITIES)
    assert len(compiled.where.params) == 1
    assert len(database.execute(*compiled.rows()).fetchall()) == 4


POINT = "\n{}\n{}^\nERROR at Row:1:Column:{}\n"


@pytest.mark.parametrize(
    ("soql", "code", "fragment"),
    [
        ("", "MALFORMED_QUERY", "A query string has to be specified"),
        ("SELECT Id", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Case WHERE Status = New", "MALFORMED_QUERY", "unexpected token: 'New'"),
        ("SELECT Id FROM Case WHERE a = 1 AND b = 2 OR c = 3", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("SELECT Id FROM Case WHERE Status = %", "MALFORMED_QUERY", "no viable alternative at character '%'"),
        ("SELECT Id FROM Case WHERE Status = 'a\\q'", "MALFORMED_QUERY", "Illegal character sequence '\\q'"),
        ("SELECT * FROM Case", "MALFORMED_QUERY", "*"),
        ("SELECT Id FROM Foo", "INVALID_TYPE", "sObject type 'Foo' is not supported."),
        ("SELECT Foo FROM Case", "INVALID_FIELD", POINT.format("SELECT Foo FROM Case", " " * 7, 8) + "No such column 'Foo' on entity 'Case'."),
        ("SELECT Foo.Name FROM Case", "INVALID_FIELD", "Didn't understand relationship 'Foo' in field path."),
        ("SELECT (SELECT Id FROM Foos) FROM Account", "INVALID_TYPE", "Didn't understand relationship 'Foos' in FROM part of query call."),
        ("SELECT (SELECT COUNT() FROM Cases) FROM Account", "MALFORMED_QUERY", "aggregate"),
        ("SELECT Id, id FROM Case", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Subject s FROM Case", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
        ("SELECT Id FROM Case USING SCOPE mine", "MALFORMED_QUERY", "Scope mine is not supported"),
        ("SELECT Id FROM Case USING SCOPE team", "MALFORMED_QUERY", "Scope team is not supported"),
        ("SELECT (SELECT Id FROM Cases USING SCOPE mine) FROM Account", "MALFORMED_QUERY", "USING SCOPE not allowed"),
        ("SELECT Id FROM Case ALL ROWS", "MALFORMED_QUERY", "ALL ROWS not allowed in this context"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE AccountId IN (SELECT AccountId FROM Case))",
         "MALFORMED_QUERY", "Nesting of semi join sub-selects is not supported"),
        ("SELECT Account.Foo FROM Case", "INVALID_FIELD", "No such column 'Foo' on entity 'Account'."),
        ("SELECT Id FROM Case WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD", "must be of type dateTime and should not be enclosed in quotes"),
        ("SELECT Id FROM Case WHERE CreatedDate > 2026-01-01", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Case WHERE Status = 1", "INVALID_FIELD", "must be of type string and should be enclosed in quotes"),
        ("SELECT Id FROM Case WHERE AccountId = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("SELECT Id FROM Case WHERE Description = 'x'", "INVALID_FIELD", "field 'Description' can not be filtered in a query call"),
        ("SELECT Id FROM Case ORDER BY Description", "MALFORMED_QUERY", "field 'Description' can not be sorted"),
        ("SELECT Id FROM Case OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
        ("SELECT FIELDS(ALL) FROM Case", "MALFORMED_QUERY", "LIMIT of at most 200"),
        ("SELECT Status, COUNT(Id) FROM Case", "MALFORMED_QUERY", "Field must be grouped or aggregated: Status"),
        ("SELECT Account.Parent.Parent.Parent.Parent.Parent.Name FROM Case", "MALFORMED_QUERY", "more than 5 levels"),
        ("SELECT Id FROM Case WHERE DueDate__c = 2026-02-30", "MALFORMED_QUERY", "Invalid date"),
        ("SELECT Id FROM Case WHERE Name = '" + "x" * 100_000 + "'", "QUERY_TOO_COMPLICATED", "100000"),
    ],
)  # fmt: skip
def test_a_refusal_has_salesforces_code_and_words(soql, code, fragment):
    with pytest.raises(SoqlError) as caught:
        compile_soql(soql, ENTITIES)
    assert caught.value.code == code
    assert fragment in caught.value.message


def test_keywords_may_be_names_where_a_name_must_stand():
    query = parse("select Group, Order.Limit from Case order by Offset desc limit 3")
    assert query.object_name == "Case"
    assert query.limit == 3


@pytest.mark.parametrize(
    ("word", "count", "expected"),
    [
        ("this_week", None, ("2026-06-14", "2026-06-21")),
        ("LAST_QUARTER", None, ("2026-01-01", "2026-04-01")),
        ("NEXT_MONTH", None, ("2026-07-01", "2026-08-01")),
        ("LAST_N_DAYS", 3, ("2026-06-14", "2026-06-18")),
        ("NEXT_N_DAYS", 3, ("2026-06-18", "2026-06-21")),
        ("LAST_N_MONTHS", 2, ("2026-04-01", "2026-06-01")),
        ("N_YEARS_AGO", 2, ("2024-01-01", "2025-01-01")),
        ("LAST_90_DAYS", None, ("2026-03-19", "2026-06-18")),
    ],
)  # fmt: skip
def test_a_date_word_means_these_days(word, count, expected):
    days = date_range(word, count, today=TODAY)
    assert days is not None
    assert tuple(day.isoformat() for day in days) == expected


@settings(deadline=None)
@given(st.text())
def test_a_text_survives_quoting_and_parsing(text):
    quoted = quote_string(text)
    condition = parse(f"SELECT Id FROM Account WHERE Name = {quoted}").where
    assert isinstance(condition, Comparison)
    assert string_value(condition.right) == text
    assert string_value(Literal(LiteralKind.STRING, quoted, 0)) == text


WORDS = st.sampled_from(["", "a", "A", "ab", "Ab%", "a_b", "x'y", "back\\slash", "ü", "Ü"])
RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "Subject": st.none() | WORDS.map(lambda text: text or None),
            "TouchCount__c": st.none() | st.integers(-3, 3),
            "IsEscalated": st.booleans(),
            "DueDate__c": st.none() | st.dates(date(2026, 6, 10), date(2026, 6, 20)).map(date.isoformat),
        }
    ),
    max_size=8,
)
ORDERS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def lowered(value):
    return value.lower() if isinstance(value, str) else value


@st.composite
def atoms(draw):
    """A comparison as SOQL and as a function of a record."""
    name, values, literal = draw(
        st.sampled_from(
            [("Subject", WORDS, quote_string), ("TouchCount__c", st.integers(-3, 3), str), ("DueDate__c", st.dates(date(2026, 6, 10), date(2026, 6, 20)).map(date.isoformat), str)]
        )
    )  # fmt: skip
    kind = draw(st.sampled_from(["=", "!=", "IN", "NOT IN", "null", *(ORDERS if name != "Subject" else {})]))
    if kind == "null":
        return f"{name} = null", lambda record: record[name] is None
    if kind in ("IN", "NOT IN"):
        members = draw(st.lists(values, min_size=1, max_size=3))
        wanted = {lowered(member) or (None if member == "" else lowered(member)) for member in members}
        soql = f"{name} {kind} ({', '.join(map(literal, members))})"
        return soql, lambda record: (lowered(record[name]) in wanted) == (kind == "IN")
    value = draw(values)
    soql = f"{name} {kind} {literal(value)}"
    if kind in ORDERS:
        return soql, lambda record: record[name] is not None and ORDERS[kind](record[name], value)
    only = None if value == "" else lowered(value)
    return soql, lambda record: (lowered(record[name]) == only) == (kind == "=")


def combined(children):
    def build(parts):
        word, left, right = parts
        if word == "NOT":
            return f"(NOT {left[0]})", lambda record: not left[1](record)
        join = all if word == "AND" else any
        return f"({left[0]} {word} {right[0]})", lambda record: join(
            side[1](record) for side in (left, right)
        )

    return st.tuples(st.sampled_from(["AND", "OR", "NOT"]), children, children).map(build)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(records=RECORDS, condition=st.recursive(atoms(), combined, max_leaves=6))
def test_where_agrees_with_a_naive_filter(records, condition):
    soql, holds = condition
    with closing(new_database()) as connection:
        for number, record in enumerate(records):
            insert(connection, "Case", Id=make_id("500", number), **record)
        found = rows(connection, f"SELECT Id FROM Case WHERE {soql} ORDER BY Id")
    assert [row[0] for row in found] == [
        make_id("500", n) for n, record in enumerate(records) if holds(record)
    ]


# --- modes, purposes, types of owners


@pytest.mark.parametrize(
    "ending",
    [
        "WITH SECURITY_ENFORCED LIMIT 1",
        "WITH USER_MODE",
        "LIMIT 1 FOR VIEW",
        "FOR VIEW, REFERENCE",
        "FOR UPDATE",
        "UPDATE TRACKING, VIEWSTAT",
    ],
)
def test_endings_that_change_no_row_are_taken(ending):
    compile_soql(f"SELECT Id FROM Account {ending}", ENTITIES)


@pytest.mark.parametrize(
    ("soql", "detail"),
    [
        ("SELECT Id FROM Account WITH NONSENSE", "unexpected token: 'NONSENSE'"),
        ("SELECT Id FROM Account UPDATE NOTHING", "unexpected token: 'NOTHING'"),
        ("SELECT SUM(AnnualRevenue, Name) FROM Account", "Invalid number of arguments for function SUM"),
        ("SELECT TYPEOF Owner END FROM Account", "unexpected token: 'END'"),
    ],
)
def test_endings_and_functions_that_are_none_are_refused(soql, detail):
    with pytest.raises(SoqlError) as refused:
        compile_soql(soql, ENTITIES)
    assert refused.value.code == "MALFORMED_QUERY"
    assert refused.value.message.endswith(detail)


def test_the_type_of_an_owner_is_told_by_its_id(empty):
    insert(empty, "User", Id=OWNER, Name="O")
    insert(empty, "Account", Id=ACCOUNT, Name="A", OwnerId=OWNER)
    compiled = compile_soql("SELECT Owner.Type FROM Account WHERE Owner.Type = 'User'", ENTITIES)
    [row] = empty.execute(*compiled.rows()).fetchall()
    assert row[-1] == "User"
    assert not empty.execute(
        *compile_soql("SELECT Id FROM Account WHERE Owner.Type = 'Group'", ENTITIES).rows()
    ).fetchall()


def test_a_relationship_to_one_object_has_no_type():
    with pytest.raises(SoqlError) as refused:
        compile_soql("SELECT Account.Owner.Type, CreatedBy.Type FROM Contact", ENTITIES)
    assert refused.value.code == "INVALID_FIELD"
    assert "No such column 'Type' on entity 'User'." in refused.value.message


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("FISCAL_YEAR", 2026),
        ("FISCAL_QUARTER", 2),
        ("FISCAL_MONTH", 6),
        ("WEEK_IN_MONTH", 3),
        ("WEEK_IN_YEAR", 24),
    ],
)
def test_fiscal_and_week_functions_group(empty, function, value):
    insert(empty, "Account", Id=ACCOUNT, Name="A", CreatedDate="2026-06-17T10:00:00.000Z")
    compiled = compile_soql(
        f"SELECT {function}(CreatedDate) f, COUNT(Id) n FROM Account GROUP BY {function}(CreatedDate)",
        ENTITIES,
    )
    assert empty.execute(*compiled.rows()).fetchall() == [(value, 1)]
