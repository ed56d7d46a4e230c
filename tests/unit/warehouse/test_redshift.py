"""Statements sent to Redshift, word for word. There is no cluster: a connection that only writes
down stands for it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, Self

import orjson
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from activities.apply.applier import Applier
from clients.database.connect import STATEMENT_MS
from clients.storage.objects import ObjectStore
from clients.warehouse import redshift_sessions, redshift_sql
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.redshift import RedshiftWarehouse
from clients.warehouse.redshift_locks import OTHERS, WRITES, create_lock
from clients.warehouse.redshift_transaction import LOAD_PREFIX, LOCK_MS
from clients.warehouse.redshift_values import MOST_VALUES, parquet_of, typed_rows
from clients.warehouse.sql import apply as sql, ledger as ledger_sql, merge as merge_sql
from clients.warehouse.sql.erasure import find_erased_grouped
from clients.warehouse.sql.quality import find_open_findings
from clients.warehouse.sql.scorecard import find_counts, insert_counts, views
from schemas.catalogue import Catalogue
from schemas.errors import CredentialsRejectedError, StatementError, TidegateError, UnavailableError
from schemas.ingest.messages import ApplyInput, StagedObject
from schemas.ingest.raw import RAW_SCHEMA, Manifest
from schemas.tables import RECORD_ID, Column, Kind, change_columns, net_columns
from transforms.ingest.stage_events import stage_objects
from transforms.quality.scorecard import RuleCount

VIEW_OWNER = "SELECT viewowner = current_user FROM pg_views WHERE schemaname = %s AND viewname = %s"
ROLE = "arn:aws:iam::123456789012:role/tidegate-copy"
CATALOGUE = Catalogue.model_validate(
    {
        "objects": {
            "Thing__c": {
                "label": "Thing",
                "key_prefix": "a0x",
                "history": True,
                "fields": {"Type": {"type": "string", "length": 20}, "Amount__c": {"type": "currency"}},
            }
        }
    }
)
THING = CATALOGUE.object("Thing__c")
CHECKED = [RuleCount("*", "fits", 1, 0)]
NOW = datetime(2026, 1, 31, 12, 0, 0, 250_000, UTC)


class Conversation(list[str]):
    """Statements sent to Redshift and S3, in order; loaded objects are numbered."""

    def __init__(self, answers: dict[str, list[tuple[Any, ...]] | Exception] | None = None) -> None:
        super().__init__()
        self.answers = answers or {}
        self._numbers: dict[str, str] = {}

    def say(self, text: str) -> None:
        self.append(shown(re.sub(r"load/\w+", lambda found: self._number(found[0]), text)))

    def _number(self, key: str) -> str:
        return self._numbers.setdefault(key, f"load/{len(self._numbers) + 1}")


def shown(statement: str) -> str:
    """The statement without the values that it inserts."""
    return re.sub(r"(?s)(^INSERT INTO .* VALUES ).*", r"\1…", statement)


class Answer(list[tuple[Any, ...]]):
    rowcount = 0

    def fetchall(self) -> Self:
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        return self[0] if self else None


class NotedConnection:
    """Stands for psycopg's connection: writes down, and answers what the conversation says, else
    nothing.
    """

    closed = broken = False
    autocommit = True

    def __init__(self, said: Conversation) -> None:
        self._said = said

    def execute(self, statement: bytes | str, parameters: object = None) -> Answer:
        text = statement if isinstance(statement, str) else statement.decode()
        self._said.say(text)
        for start, answer in self._said.answers.items():
            if text.startswith(start):
                if isinstance(answer, Exception):
                    raise answer
                return Answer(answer)
        return Answer()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._said.say("BEGIN")
        try:
            yield
        except BaseException:
            self._said.say("ROLLBACK")
            raise
        self._said.say("COMMIT")

    def close(self) -> None:
        self.closed = True


class NotedStore(ObjectStore):
    """A bucket in memory that writes down what happens under `load/`."""

    def __init__(self, said: Conversation) -> None:
        self.objects: dict[str, bytes] = {}
        self.deletes_fail = False
        self._said = said

    def bucket_of(self, key: str) -> str:
        return "raw-bucket"

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body
        if key.startswith(LOAD_PREFIX):
            self._said.say(f"S3: put {key}")

    def find(self, key: str) -> bytes | None:
        return self.objects.get(key)

    def delete(self, key: str) -> None:
        self._said.say(f"S3: delete {key}")
        if self.deletes_fail:
            raise UnavailableError(system="S3", detail="slow down")
        del self.objects[key]


LOCKS = [OTHERS, WRITES, "ops.lock_object_thing"]
EXISTING = [
    (*table.split("."), column.name)
    for table, columns in (sql.TABLES_OF_OPS | sql.tables_of(THING)).items()
    for column in columns
] + [(*lock.split("."), "held") for lock in LOCKS]
SESSION = ["SET timezone TO 'UTC'", f"SET statement_timeout TO {STATEMENT_MS}"]
FIND_LOCKS = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = 'ops' AND c.relname LIKE 'lock_%'"
)


@pytest.fixture
def said() -> Conversation:
    found = [(lock.partition(".")[2],) for lock in LOCKS]
    return Conversation({"SELECT table_schema": EXISTING, "SELECT c.relname": found})


@pytest.fixture
def store(said: Conversation) -> NotedStore:
    return NotedStore(said)


@pytest.fixture
def warehouse(said: Conversation, store: NotedStore, monkeypatch: pytest.MonkeyPatch) -> RedshiftWarehouse:
    monkeypatch.setattr(psycopg, "connect", lambda *_, **__: NotedConnection(said))
    return RedshiftWarehouse("dsn", store=store, copy_role=ROLE)


def locked(table: str) -> list[str]:
    """The wait for a lock is shorter than a statement's."""
    return [f"SET statement_timeout TO {LOCK_MS}", f"LOCK TABLE {table}", SESSION[1]]


def inserted(table: str, columns: tuple[Column, ...]) -> str:
    return redshift_sql.insert_statement(table, columns, "…")


SVV_COLUMNS = (
    "SELECT table_schema, table_name, column_name FROM svv_columns "
    "WHERE table_schema IN ('curated', 'audit', 'ops')"
)


# Texts


def test_copy_text() -> None:
    columns = (RECORD_ID, Column("type", Kind.TEXT, 20))
    assert redshift_sql.copy_statement(
        "curated.thing_current", columns, "s3://raw-bucket/load/1.parquet", ROLE
    ) == (
        'COPY curated.thing_current ("record_id", "type") FROM \'s3://raw-bucket/load/1.parquet\' '
        "IAM_ROLE 'arn:aws:iam::123456789012:role/tidegate-copy' FORMAT AS PARQUET"
    )


def test_copy_quotes_its_literals() -> None:
    assert "IAM_ROLE 'a''b' FORMAT" in redshift_sql.copy_statement("t", (RECORD_ID,), "s3://b/k", "a'b")


def test_no_statistics_are_made_of_a_stage() -> None:
    columns = (RECORD_ID,)
    assert redshift_sql.copy_statement("s", columns, "s3://b/k", "r", is_stage=True).endswith(
        "STATUPDATE OFF"
    )
    assert "STATUPDATE" not in redshift_sql.copy_statement("s", columns, "s3://b/k", "r")


def test_current_is_updated_without_a_merge() -> None:
    assert merge_sql.update_current(THING) == (
        "UPDATE curated.thing_current SET "
        '"type" = CASE WHEN (n.set_0 & 1) <> 0 THEN n."type" ELSE thing_current."type" END, '
        '"amount" = CASE WHEN (n.set_0 & 2) <> 0 THEN n."amount" ELSE thing_current."amount" END, '
        '"is_deleted" = CASE WHEN n.sets_deleted THEN n.is_deleted ELSE COALESCE(thing_current.is_deleted, FALSE) END, '
        '"unknown_fields" = n.unknown_fields, '
        '"is_complete" = n.is_complete OR COALESCE(thing_current.is_complete, FALSE), '
        '"version" = COALESCE(thing_current.version, 0) + n.version_step, '
        '"last_change_order" = n.change_order, "changed_at" = n.changed_at, "applied_at" = n.applied_at, '
        '"batch" = n.batch '
        "FROM stage_thing_latest AS n WHERE thing_current.record_id = n.record_id"
    )


def test_ddl_of_an_object() -> None:
    made = [redshift_sql.create_statement(table, columns) for table, columns in sql.tables_of(THING).items()]
    assert made == [
        'CREATE TABLE IF NOT EXISTS audit.thing_change ("record_id" VARCHAR(18) NOT NULL, '
        '"change_order" VARCHAR(48) NOT NULL, "change_type" VARCHAR(16) NOT NULL, "changed_at" TIMESTAMPTZ NOT NULL, '
        '"changed_fields" VARCHAR(65535), "diff_fields" VARCHAR(65535), "isolated_fields" VARCHAR(65535), '
        '"commit_user" VARCHAR(72), "change_origin" VARCHAR(1020), "transaction_key" VARCHAR(256), '
        '"received_at" TIMESTAMPTZ NOT NULL, "batch" VARCHAR(255) NOT NULL, "applied_at" TIMESTAMPTZ NOT NULL, '
        '"type" VARCHAR(80), "amount" NUMERIC(18, 2)) '
        "DISTSTYLE KEY DISTKEY(record_id) SORTKEY(applied_at)",
        'CREATE TABLE IF NOT EXISTS curated.thing_current ("record_id" VARCHAR(18) NOT NULL, '
        '"type" VARCHAR(80), "amount" NUMERIC(18, 2), "is_deleted" BOOLEAN NOT NULL, "is_complete" BOOLEAN NOT NULL, '
        '"unknown_fields" VARCHAR(65535), "version" BIGINT NOT NULL, "last_change_order" VARCHAR(48) NOT NULL, '
        '"changed_at" TIMESTAMPTZ NOT NULL, "applied_at" TIMESTAMPTZ NOT NULL, "batch" VARCHAR(255) NOT NULL) '
        "DISTSTYLE KEY DISTKEY(record_id) SORTKEY(record_id)",
        'CREATE TABLE IF NOT EXISTS audit.thing_base ("record_id" VARCHAR(18) NOT NULL, "type" VARCHAR(80), "amount" NUMERIC(18, 2), "is_deleted" BOOLEAN NOT NULL, "is_complete" BOOLEAN NOT NULL, "unknown_fields" VARCHAR(65535), "version" BIGINT NOT NULL, "change_order" VARCHAR(48) NOT NULL, "changed_at" TIMESTAMPTZ NOT NULL, "applied_at" TIMESTAMPTZ NOT NULL, "batch" VARCHAR(255) NOT NULL, "_whole" BOOLEAN NOT NULL, "_doubtful" VARCHAR(65535), "_grown" VARCHAR(65535), "_covered" VARCHAR(65535) NOT NULL) DISTSTYLE KEY DISTKEY(record_id) SORTKEY(record_id)',
        'CREATE TABLE IF NOT EXISTS curated.thing_history ("record_id" VARCHAR(18) NOT NULL, '
        '"type" VARCHAR(80), "amount" NUMERIC(18, 2), "is_deleted" BOOLEAN NOT NULL, "is_complete" BOOLEAN NOT NULL, '
        '"unknown_fields" VARCHAR(65535), "version" BIGINT NOT NULL, "valid_from" TIMESTAMPTZ NOT NULL, '
        '"valid_to" TIMESTAMPTZ, "is_current" BOOLEAN NOT NULL, "change_order" VARCHAR(48) NOT NULL, '
        '"changed_at" TIMESTAMPTZ NOT NULL, "applied_at" TIMESTAMPTZ NOT NULL, "batch" VARCHAR(255) NOT NULL) '
        "DISTSTYLE KEY DISTKEY(record_id) SORTKEY(record_id, valid_from)",
    ]


def test_redshift_distributes_the_tables_of_ops_itself() -> None:
    for table, columns in sql.TABLES_OF_OPS.items():
        assert ") DISTSTYLE AUTO" in redshift_sql.create_statement(table, columns)


def test_the_ledger_lies_in_the_order_of_its_commits() -> None:
    columns = sql.TABLES_OF_OPS[sql.LEDGER]
    assert redshift_sql.create_statement(sql.LEDGER, columns).endswith("DISTSTYLE AUTO SORTKEY(committed_at)")


def test_stage_text() -> None:
    assert redshift_sql.stage_statement(sql.TOUCHED, sql.RECORD_LIST) == (
        'CREATE TEMP TABLE stage_touched ("record_id" VARCHAR(18)) DISTSTYLE KEY DISTKEY(record_id)'
    )


def test_a_stage_without_records_is_not_distributed_by_them() -> None:
    keys = (Column("key_value", Kind.TEXT, 20),)
    assert redshift_sql.stage_statement("stage_keys", keys) == (
        'CREATE TEMP TABLE stage_keys ("key_value" VARCHAR(80)) DISTSTYLE EVEN'
    )


@pytest.mark.parametrize(
    ("column", "name"),
    [
        (Column("c", Kind.TEXT, 255), "VARCHAR(1020)"),
        (Column("c", Kind.TEXT, 255, is_ascii=True), "VARCHAR(255)"),
        (Column("c", Kind.TEXT, 16_384), "VARCHAR(65535)"),  # 65,536 bytes: one too many
        (Column("c", Kind.TEXT, 131_072), "VARCHAR(65535)"),
        (Column("c", Kind.TEXT), "VARCHAR(65535)"),  # unbounded
        (Column("c", Kind.DECIMAL, scale=3), "NUMERIC(18, 3)"),
        (Column("c", Kind.TIMESTAMP), "TIMESTAMPTZ"),
        (Column("c", Kind.INTEGER), "BIGINT"),
        (Column("c", Kind.DOUBLE), "DOUBLE PRECISION"),
        (Column("c", Kind.DATE), "DATE"),
        (Column("c", Kind.BOOLEAN), "BOOLEAN"),
    ],
)
def test_every_kind_has_a_type(column: Column, name: str) -> None:
    assert redshift_sql.type_name(column) == name


# Parquet

EVERY_KIND = tuple(Column(kind.value, kind, scale=2 if kind is Kind.DECIMAL else 0) for kind in Kind)
ROW = {
    "text": "x",
    "boolean": True,
    "integer": 1,
    "double": 0.5,
    "decimal": Decimal("1.25"),
    "date": date(2026, 1, 31),
    "timestamp": NOW,
}


def test_parquet_has_the_columns_in_the_order_of_copy() -> None:
    shuffled = pa.table({name: [ROW[name]] for name in reversed(ROW)})
    written = pq.read_table(BytesIO(parquet_of(typed_rows("t", EVERY_KIND, shuffled))))
    assert written.column_names == [column.name for column in EVERY_KIND]
    assert written.schema.types == [column.arrow for column in EVERY_KIND]
    assert written.to_pylist() == [ROW]


def test_parquet_types_are_those_that_copy_maps() -> None:
    file = pq.ParquetFile(
        BytesIO(parquet_of(typed_rows("t", EVERY_KIND, pa.table({n: [v] for n, v in ROW.items()}))))
    )
    columns = [file.schema.column(place) for place in range(len(EVERY_KIND))]
    assert {column.name: (column.physical_type, column.converted_type) for column in columns} == {
        "text": ("BYTE_ARRAY", "UTF8"),
        "boolean": ("BOOLEAN", "NONE"),
        "integer": ("INT64", "NONE"),
        "double": ("DOUBLE", "NONE"),
        "decimal": ("FIXED_LEN_BYTE_ARRAY", "DECIMAL"),
        "date": ("INT32", "DATE"),
        # The older mark of the unit, which a timestamp without zone would lack.
        "timestamp": ("INT64", "TIMESTAMP_MILLIS"),
    }


def test_a_text_is_measured_in_bytes() -> None:
    column = Column("notes", Kind.TEXT, 4_000)
    typed_rows("t", (column,), pa.table({"notes": ["\N{EURO SIGN}" * 4_000, None]}))
    with pytest.raises(StatementError, match="notes holds a text of 16001 bytes"):
        typed_rows("t", (column,), pa.table({"notes": ["x" * 16_001]}))


# Conversations


def an_update(store: NotedStore) -> ApplyInput:
    header = {
        "entityName": "Thing__c",
        "recordIds": ["a0x000000000001AAA"],
        "changeType": "UPDATE",
        "commitTimestamp": 1_700_000_000_000,
        "commitNumber": 7,
        "sequenceNumber": 1,
    }
    event = orjson.dumps({"payload": {"ChangeEventHeader": header, "Type": "new"}}).decode()
    row = {"position": "1", "object": "Thing__c", "changes": 1, "received_at": NOW, "event": event}
    raw = pa.Table.from_pylist([row], schema=RAW_SCHEMA)
    ((_, (landed, changes, _)),) = stage_objects(raw, CATALOGUE, batch="lane/1").items()
    body = BytesIO()
    pq.write_table(changes, body)
    store.objects["staged/1"] = body.getvalue()
    facts: dict[str, Any] = {
        "raw_key": "raw/1",
        "raw_sha256": "",
        "raw_bytes": 0,
        "events": 1,
        "landed": {"Thing__c": 1},
    }
    times = {"first_received_at": NOW, "last_received_at": NOW}
    return ApplyInput(
        manifest=Manifest(org="o", lane="lane", start="1", end="2", **facts, **times),
        staged=StagedObject(
            object="Thing__c", staged_key="staged/1", refused_key=None, landed=landed, staged=1, refused=0
        ),
    )


def test_one_applied_batch(warehouse: RedshiftWarehouse, store: NotedStore, said: Conversation) -> None:
    said.answers[sql.find_last_orders(THING)] = [("a0x000000000001AAA", "0", None)]
    said.answers[ledger_sql.find_last_ledger_commit()] = [(None,)]
    (result,) = Applier(warehouse, store, CATALOGUE).apply([an_update(store)])
    assert result.applied == 1
    versions, latest = merge_sql.net_stage(THING, "versions"), merge_sql.net_stage(THING, "latest")
    assert said == [
        *SESSION,
        "BEGIN",
        # Nothing may be read before the lock, on this session: the first query fixes what the
        # transaction sees.
        *SESSION,
        FIND_LOCKS,
        *locked("ops.lock_object_thing"),
        ledger_sql.find_applied_batches(1),
        redshift_sql.stage_statement(sql.GROUPED, sql.GROUPED_LIST),
        inserted(sql.GROUPED, sql.GROUPED_LIST),
        sql.find_last_orders(THING),
        find_erased_grouped(),
        ledger_sql.find_last_commit(),
        ledger_sql.find_last_ledger_commit(),
        inserted("audit.thing_change", change_columns(THING)),
        redshift_sql.stage_statement(versions, net_columns(THING)),
        inserted(versions, net_columns(THING)),
        redshift_sql.stage_statement(latest, net_columns(THING)),
        inserted(latest, net_columns(THING)),
        merge_sql.close_versions(THING),
        merge_sql.open_versions(THING),
        merge_sql.update_current(THING),
        find_open_findings(),
        find_counts("Thing__c", datetime.now(UTC).date()),
        # Before the first write to ops, whose tables every object writes.
        *locked(WRITES),
        shown(insert_counts("Thing__c", datetime.now(UTC).date(), CHECKED)),
        shown(sql.insert_row(sql.OBJECT_COMMIT, sql.TABLES_OF_OPS[sql.OBJECT_COMMIT])),
        inserted(sql.LEDGER, sql.TABLES_OF_OPS[sql.LEDGER]),
        "DROP TABLE stage_grouped",
        "DROP TABLE stage_thing_latest",
        "DROP TABLE stage_thing_versions",
        "COMMIT",
    ]


IDS = [f"a0x{number}" for number in range(MOST_VALUES + 1)]
"""More than are inserted."""


def many_rows(transaction: Any) -> None:
    transaction.stage(sql.TOUCHED, sql.RECORD_LIST, pa.table({"record_id": IDS}))


def test_many_rows_are_copied_from_s3(warehouse: RedshiftWarehouse, said: Conversation) -> None:
    with warehouse.transaction() as transaction:
        many_rows(transaction)
    url = "s3://raw-bucket/load/1.parquet"
    copy = redshift_sql.copy_statement(sql.TOUCHED, sql.RECORD_LIST, url, ROLE, is_stage=True)
    assert said[-5:] == [
        "S3: put load/1.parquet",
        copy,
        "DROP TABLE stage_touched",
        "COMMIT",
        "S3: delete load/1.parquet",
    ]


def one_row(transaction: Any, name: str = sql.TOUCHED) -> None:
    transaction.stage(name, sql.RECORD_LIST, pa.table({"record_id": ["a0x"]}))


def test_what_was_loaded_is_deleted_after_a_rollback(
    warehouse: RedshiftWarehouse, said: Conversation
) -> None:
    def fail_after_a_load() -> None:
        with warehouse.transaction() as transaction:
            many_rows(transaction)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_a_load()
    assert said[-2:] == ["ROLLBACK", "S3: delete load/1.parquet"]


def test_a_failed_deletion_leaves_the_commit_as_it_is(
    warehouse: RedshiftWarehouse, store: NotedStore, said: Conversation, caplog: pytest.LogCaptureFixture
) -> None:
    store.deletes_fail = True
    with warehouse.transaction() as transaction:
        many_rows(transaction)
    assert said[-2:] == ["COMMIT", "S3: delete load/1.parquet"]
    assert "Could not delete the loaded object load/" in caplog.text


def test_a_second_stage_of_a_name_replaces_the_first(
    warehouse: RedshiftWarehouse, said: Conversation
) -> None:
    with warehouse.transaction() as transaction:
        one_row(transaction)
        one_row(transaction)
    create = redshift_sql.stage_statement(sql.TOUCHED, sql.RECORD_LIST)
    staging = [text for text in said if "TABLE" in text and "COPY" not in text]
    assert staging == [create, "DROP TABLE stage_touched", create, "DROP TABLE stage_touched"]


def test_no_rows_are_staged_without_s3(warehouse: RedshiftWarehouse, said: Conversation) -> None:
    with warehouse.transaction() as transaction:
        transaction.stage(sql.TOUCHED, sql.RECORD_LIST, pa.table({"record_id": pa.array([], pa.string())}))
    assert [text for text in said if "load/" in text] == []


def test_ensure_tables_makes_what_is_missing(warehouse: RedshiftWarehouse, said: Conversation) -> None:
    new = ("thing_history", "lock_writes")
    lacking = {("curated", "thing_current", "type"), *(row for row in EXISTING if row[1] in new)}
    said.answers["SELECT table_schema"] = [row for row in EXISTING if row not in lacking]
    made = ["ops.lock_writes", "curated.thing_current.type", "curated.thing_history"]
    assert warehouse.ensure_tables(CATALOGUE) == made
    assert said == [
        *SESSION,
        "SELECT nspname FROM pg_namespace WHERE nspname IN ('curated', 'audit', 'ops')",
        "CREATE SCHEMA IF NOT EXISTS curated",
        "CREATE SCHEMA IF NOT EXISTS audit",
        "CREATE SCHEMA IF NOT EXISTS ops",
        SVV_COLUMNS,
        create_lock(WRITES),
        'ALTER TABLE curated.thing_current ADD COLUMN "type" VARCHAR(80)',
        redshift_sql.create_statement("curated.thing_history", sql.tables_of(THING)["curated.thing_history"]),
        *(said_of_view for view in views().values() for said_of_view in (VIEW_OWNER, view)),
    ]


def test_a_shadow_is_named_in_every_statement_and_in_no_address(
    store: NotedStore, said: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psycopg, "connect", lambda *_, **__: NotedConnection(said))
    said.answers["SELECT c.relname"] = [("lock_object_thing",)]
    shadow = RedshiftWarehouse("dsn", store=store, copy_role="arn/ops.role", prefix="shadow_s_")
    with shadow.transaction() as transaction:
        transaction.lock_object("thing")
        transaction.execute("DELETE FROM curated.thing_current")
        transaction.fetch("SELECT batch FROM ops.ledger")
        transaction.load(sql.current_table(THING), sql.RECORD_LIST, pa.table({"record_id": ["a0x"]}))
        transaction.execute("DELETE FROM ops.ledger")
        transaction.load(sql.current_table(THING), sql.RECORD_LIST, pa.table({"record_id": IDS}))
    url = "s3://raw-bucket/load/1.parquet"
    assert [
        text for text in said if text.startswith(("LOCK", "DELETE", "SELECT batch", "INSERT", "COPY"))
    ] == [
        "LOCK TABLE shadow_s_ops.lock_object_thing",
        "DELETE FROM shadow_s_curated.thing_current",
        "SELECT batch FROM shadow_s_ops.ledger",
        inserted("shadow_s_curated.thing_current", sql.RECORD_LIST),
        "LOCK TABLE shadow_s_ops.lock_writes",
        "DELETE FROM shadow_s_ops.ledger",
        redshift_sql.copy_statement("shadow_s_curated.thing_current", sql.RECORD_LIST, url, "arn/ops.role"),
    ]


def test_what_another_worker_made_meanwhile_is_no_error(
    warehouse: RedshiftWarehouse, said: Conversation
) -> None:
    said.answers = {
        "CREATE SCHEMA": psycopg.errors.DuplicateSchema("exists"),
        "CREATE TABLE": psycopg.errors.DuplicateTable("exists"),
    }
    assert warehouse.ensure_tables(CATALOGUE) == []


def test_a_connection_is_used_again(warehouse: RedshiftWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    with warehouse.transaction():
        pass
    monkeypatch.setattr(psycopg, "connect", lambda *_, **__: pytest.fail("a second connection"))
    with warehouse.transaction():
        pass


def test_connecting_asks_for_what_redshift_can_do(store: NotedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def connect(dsn: str, **options: Any) -> NotedConnection:
        asked.update(options)
        return NotedConnection(Conversation())

    monkeypatch.setattr(psycopg, "connect", connect)
    with RedshiftWarehouse("dsn", store=store, copy_role=ROLE).transaction():
        pass
    assert asked["client_encoding"] == "utf8"
    assert asked["prepare_threshold"] is None
    assert asked["autocommit"] is True
    assert (asked["keepalives_idle"], asked["tcp_user_timeout"]) == (30, 60_000)


def test_a_session_that_was_dropped_meanwhile_is_noticed_before_it_is_used(
    warehouse: RedshiftWarehouse, said: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warehouse.transaction():
        pass
    monkeypatch.setattr(redshift_sessions, "SURE_SECONDS", 0.0)
    said.answers["SELECT 1"] = psycopg.OperationalError("server closed the connection unexpectedly")
    said.clear()
    with warehouse.transaction():
        pass
    assert said == ["SELECT 1", *SESSION, "BEGIN", "COMMIT"]


def test_a_session_that_was_just_used_is_not_looked_at(
    warehouse: RedshiftWarehouse, said: Conversation
) -> None:
    for _ in range(2):
        with warehouse.transaction():
            pass
    assert "SELECT 1" not in said


def test_a_vacuum_may_take_as_long_as_it_takes(warehouse: RedshiftWarehouse, said: Conversation) -> None:
    warehouse.reclaim(["curated.thing_current"])
    assert said[2:] == [
        "SET statement_timeout TO 0",
        "VACUUM DELETE ONLY curated.thing_current TO 100 PERCENT",
        SESSION[1],
    ]


# Errors

VIOLATION = (
    "1023\nDETAIL:  Serializable isolation violation on table - 100, transactions forming the cycle are: 1, 2"
)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (psycopg.errors.InternalError_(VIOLATION), UnavailableError),  # XX000, as Redshift sends it
        (psycopg.errors.SerializationFailure(VIOLATION), UnavailableError),  # 40001
        (psycopg.errors.DeadlockDetected("deadlock detected"), UnavailableError),
        (psycopg.OperationalError("server closed the connection unexpectedly"), UnavailableError),
        (psycopg.OperationalError("password authentication failed for user"), CredentialsRejectedError),
        (psycopg.errors.InvalidPassword("no"), CredentialsRejectedError),
        # XX000, as Redshift sends whatever it has no state for: it may pass.
        (psycopg.errors.InternalError_("Spectrum Scan Error"), UnavailableError),
        (
            psycopg.errors.InternalError_(
                "S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown"
            ),
            UnavailableError,
        ),
        (psycopg.errors.InternalError_("could not open relation with OID 1234"), UnavailableError),
        (psycopg.errors.InternalError_("1018\nDETAIL:  Relation does not exist."), UnavailableError),
        (
            psycopg.errors.InternalError_(
                "Load into table 'x' failed.  Check 'stl_load_errors' system table"
            ),
            StatementError,
        ),
        (psycopg.errors.InternalError_("Assert\nDETAIL:  Invalid type: 705"), StatementError),
        (psycopg.errors.UndefinedTable("relation does not exist"), StatementError),
    ],
)
def test_redshifts_errors_become_ours(raised: psycopg.Error, expected: type[TidegateError]) -> None:
    with pytest.raises(expected), translated_psycopg("Redshift"):
        raise raised


def test_a_transaction_translates_what_its_statements_raise(
    warehouse: RedshiftWarehouse, said: Conversation
) -> None:
    said.answers["LOCK"] = psycopg.errors.InternalError_(VIOLATION)
    with (
        pytest.raises(UnavailableError, match="Redshift is unavailable"),
        warehouse.transaction() as transaction,
    ):
        transaction.lock_object("thing")
