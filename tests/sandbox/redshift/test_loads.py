"""COPY and UNLOAD of Parquet: what fits is loaded, and what does not has its error on record."""

import io
import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clients.storage.objects import ObjectStore
from sandbox.redshift.launch import COPY_ROLE

pytestmark = pytest.mark.service
Put = Callable[[pa.Table], str]


@pytest.fixture
def put(store: ObjectStore) -> Put:
    """Writes rows to a Parquet object; returns its URL."""

    def write(rows: pa.Table) -> str:
        buffer = io.BytesIO()
        pq.write_table(rows, buffer)
        key = f"load/{uuid.uuid4().hex}.parquet"
        store.put(key, buffer.getvalue())
        return f"s3://{store.bucket_of(key)}/{key}"

    return write


def copy(
    session: psycopg.Connection, table: str, url: str, role: str = COPY_ROLE, more: str = ""
) -> psycopg.Cursor:
    return session.execute(f"COPY {table} FROM '{url}' IAM_ROLE '{role}' FORMAT AS PARQUET {more}".encode())


def test_every_type_is_loaded_as_it_was(session: psycopg.Connection, put: Put):
    session.execute(
        "CREATE TABLE t (s SMALLINT, i INT, b BIGINT, r REAL, d DOUBLE PRECISION, o BOOLEAN, n NUMERIC(18,2), "
        "v VARCHAR(20), a DATE, t TIMESTAMP, z TIMESTAMPTZ)"
    )
    moment = datetime(2026, 9, 21, 14, 0, 0, 123_000, tzinfo=UTC)
    row = (
        1,
        2,
        3,
        0.5,
        0.25,
        True,
        Decimal("1.50"),
        '日本 "x"\n',
        date(2026, 1, 2),
        moment.replace(tzinfo=None),
        moment,
    )
    types = [
        pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.bool_(), pa.decimal128(18, 2), pa.string(),
        pa.date32(), pa.timestamp("ms"), pa.timestamp("us", tz="UTC"),
    ]  # fmt: skip
    nothing = tuple(None for _ in row)
    arrays = [
        pa.array(values, kind) for values, kind in zip(zip(row, nothing, strict=True), types, strict=True)
    ]
    done = copy(session, "t", put(pa.table(arrays, names=list("sibrdonvatz"))))
    assert done.statusmessage == "COPY 2"
    assert session.execute("SELECT * FROM t ORDER BY s").fetchall() == [row, nothing]


def test_an_empty_text_is_no_null(session: psycopg.Connection, put: Put):
    session.execute("CREATE TABLE t (v VARCHAR(5))")
    copy(session, "t", put(pa.table({"v": ["", None, "\\N", "\\."]})))
    assert session.execute("SELECT COUNT(*), COUNT(v) FROM t").fetchone() == (4, 3)


MISFITS = {
    "fewer columns": (
        "a INT, b INT",
        pa.table({"a": pa.array([1], pa.int32())}),
        15007,
        "Unmatched number of columns",
    ),
    "more columns": (
        "a INT",
        pa.table({"a": pa.array([1], pa.int32()), "b": [1]}),
        15007,
        "Unmatched number of columns",
    ),
    "int64 for INT": (
        "a INT",
        pa.table({"a": pa.array([1], pa.int64())}),
        15001,
        "incompatible Parquet schema",
    ),
    "int32 for BIGINT": (
        "a BIGINT",
        pa.table({"a": pa.array([1], pa.int32())}),
        15001,
        "incompatible Parquet schema",
    ),
    "double for DECIMAL": ("a DECIMAL(9,2)", pa.table({"a": [1.5]}), 15001, "incompatible Parquet schema"),
    "another scale": (
        "a DECIMAL(9,2)",
        pa.table({"a": pa.array([Decimal("1.234")], pa.decimal128(9, 3))}),
        15001,
        "incompatible",
    ),
    "text for DATE": ("a DATE", pa.table({"a": ["2026-01-01"]}), 15001, "incompatible Parquet schema"),
    "nanoseconds": (
        "a TIMESTAMP",
        pa.table({"a": pa.array([1], pa.timestamp("ns"))}),
        15001,
        "incompatible Parquet schema",
    ),
    "too many bytes": ("a VARCHAR(4)", pa.table({"a": ["日本"]}), 15007, "longer than the length defined"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_file_that_does_not_fit_is_refused(session: psycopg.Connection, put: Put, name: str):
    columns, rows, code, said = MISFITS[name]
    session.execute(f"CREATE TABLE t ({columns})".encode())
    url = put(rows)
    with pytest.raises(psycopg.errors.InternalError_) as refused:
        copy(session, "t", url)
    assert refused.value.diag.message_primary == "Spectrum Scan Error"
    assert str(code) in (refused.value.diag.message_detail or "")
    assert said in (refused.value.diag.message_detail or "")
    found = session.execute("SELECT err_code, err_reason FROM stl_load_errors").fetchall()
    assert len(found) == 1, "the error outlives the lost transaction"
    assert found[0][0] == code
    assert session.execute("SELECT COUNT(*) FROM t").fetchone() == (0,)


def test_a_column_list_names_the_places_of_the_file(session: psycopg.Connection, put: Put):
    session.execute("CREATE TABLE t (a BIGINT DEFAULT 9, b VARCHAR(5), c BIGINT)")
    copy(session, "t (c, b)", put(pa.table({"x": [1], "y": ["z"]})))
    assert session.execute("SELECT a, b, c FROM t").fetchall() == [(9, "z", 1)]
    with pytest.raises(psycopg.errors.UndefinedColumn):
        copy(session, "t (c, missing)", put(pa.table({"x": [1], "y": ["z"]})))


@pytest.mark.parametrize(
    ("url", "role", "said"),
    [
        ("s3://tidegate/load/nothing-is-here", COPY_ROLE, "does not exist"),
        ("s3://no-such-bucket-here/load/", COPY_ROLE, "S3ServiceException"),
        (
            "s3://tidegate/load/x",
            "arn:aws:iam::000000000000:role/stranger",
            "not authorized to assume IAM Role",
        ),
    ],
)
def test_a_copy_without_objects_or_rights_fails(session: psycopg.Connection, url: str, role: str, said: str):
    session.execute("CREATE TABLE t (a INT)")
    with pytest.raises(psycopg.errors.InternalError_, match=said):
        copy(session, "t", url, role)


def test_a_role_reads_its_prefixes_alone(session: psycopg.Connection, store: ObjectStore):
    session.execute("CREATE TABLE t (a INT)")
    store.put("raw/secret.parquet", b"nothing")
    with pytest.raises(psycopg.errors.InternalError_, match="Access Denied"):
        copy(session, "t", f"s3://{store.bucket_of('raw/secret.parquet')}/raw/secret.parquet")


def test_a_failed_copy_breaks_the_transaction(session: psycopg.Connection, put: Put):
    session.execute("CREATE TABLE t (a INT)")
    url = put(pa.table({"a": ["text"]}))
    session.execute("BEGIN")
    session.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(psycopg.errors.InternalError_):
        copy(session, "t", url)
    session.execute("ROLLBACK")
    assert session.execute("SELECT COUNT(*) FROM t").fetchone() == (0,)


def test_a_prefix_and_a_manifest_load_several_objects(
    session: psycopg.Connection, store: ObjectStore, put: Put
):
    session.execute("CREATE TABLE t (a BIGINT)")
    urls = [put(pa.table({"a": [number]})) for number in (1, 2)]
    key = f"load/{uuid.uuid4().hex}.manifest"
    store.put(key, json.dumps({"entries": [{"url": url, "mandatory": True} for url in urls]}).encode())
    copy(session, "t", f"s3://{store.bucket_of(key)}/{key}", more="MANIFEST")
    assert session.execute("SELECT SUM(a) FROM t").fetchone() == (3,)


def test_a_not_null_column_refuses_a_null(session: psycopg.Connection, put: Put):
    session.execute("CREATE TABLE t (a BIGINT NOT NULL)")
    with pytest.raises(psycopg.errors.NotNullViolation):
        copy(session, "t", put(pa.table({"a": pa.array([None], pa.int64())})))


def test_an_unload_writes_files_that_copy_reads(session: psycopg.Connection, store: ObjectStore):
    session.execute("CREATE TABLE t (a BIGINT, n NUMERIC(9,2), v VARCHAR(9), z TIMESTAMPTZ)")
    session.execute("INSERT INTO t VALUES (1, 1.5, 'x', '2026-01-01 00:00:00+00'), (2, NULL, NULL, NULL)")
    folder = f"unload/{uuid.uuid4().hex}/"
    statement = f"UNLOAD ('SELECT * FROM t ORDER BY a') TO 's3://tidegate/{folder}' IAM_ROLE '{COPY_ROLE}' FORMAT AS PARQUET"
    session.execute(statement.encode())
    keys = list(store.keys(folder))
    read = pa.concat_tables([pq.read_table(io.BytesIO(store.get(key))) for key in keys])
    assert read.column("a").to_pylist() == [1, 2]
    assert read.column("n").to_pylist() == [Decimal("1.50"), None]
    assert read.schema.field("z").type == pa.timestamp("us", tz="UTC")
    with pytest.raises(psycopg.errors.InternalError_, match="is not empty"):
        session.execute(statement.encode())
    session.execute(f"{statement} ALLOWOVERWRITE".encode())
