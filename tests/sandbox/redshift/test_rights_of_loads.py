"""The rights of COPY and UNLOAD by keys, and what UNLOAD does with a path in use."""

import io
import uuid

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clients.storage.objects import ObjectStore
from sandbox.objectstore import ACCESS_KEY, SECRET_KEY
from sandbox.redshift.launch import COPY_ROLE

pytestmark = pytest.mark.service
PAIR = f"ACCESS_KEY_ID '{ACCESS_KEY}' SECRET_ACCESS_KEY '{SECRET_KEY}'"
ONE_TEXT = f"CREDENTIALS 'aws_access_key_id={ACCESS_KEY};aws_secret_access_key={SECRET_KEY}'"


@pytest.fixture
def url(session: psycopg.Connection, store: ObjectStore) -> str:
    """Of an object with one row for the table `t`, which is made as well."""
    session.execute("CREATE TABLE t (a BIGINT)")
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), buffer)
    key = f"load/{uuid.uuid4().hex}.parquet"
    store.put(key, buffer.getvalue())
    return f"s3://{store.bucket_of(key)}/{key}"


@pytest.mark.parametrize(
    "rights", [PAIR, f"{PAIR} SESSION_TOKEN 'x'", ONE_TEXT, f"CREDENTIALS AS 'aws_iam_role={COPY_ROLE}'"]
)
def test_each_way_to_name_rights_loads(session: psycopg.Connection, url: str, rights: str):
    session.execute(f"COPY t FROM '{url}' {rights} FORMAT AS PARQUET MAXERROR 0".encode())
    assert session.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_keys_of_nobody_are_refused_by_s3(session: psycopg.Connection, url: str):
    rights = f"ACCESS_KEY_ID '{ACCESS_KEY}' SECRET_ACCESS_KEY 'another'"
    with pytest.raises(psycopg.errors.InternalError_, match="InvalidAccessKeyId"):
        session.execute(f"COPY t FROM '{url}' {rights} PARQUET".encode())


def test_credentials_without_keys_and_without_a_role_are_refused(session: psycopg.Connection, url: str):
    with pytest.raises(psycopg.errors.SyntaxError, match="Invalid credentials"):
        session.execute(f"COPY t FROM '{url}' CREDENTIALS 'x' PARQUET".encode())


def test_a_cleaned_path_holds_the_new_files_alone(session: psycopg.Connection, url: str, store: ObjectStore):
    session.execute(f"COPY t FROM '{url}' IAM_ROLE '{COPY_ROLE}' PARQUET".encode())
    folder = f"unload/{uuid.uuid4().hex}/"
    store.put(f"{folder}old", b"old")
    place = f"s3://{store.bucket_of(folder)}/{folder}"
    unload = f"UNLOAD ('SELECT a FROM t') TO '{place}' IAM_ROLE '{COPY_ROLE}' PARQUET PARALLEL OFF"
    with pytest.raises(psycopg.errors.InternalError_, match="not empty"):
        session.execute(unload.encode())
    session.execute(f"{unload} CLEANPATH".encode())
    assert [key.removeprefix(folder) for key in store.keys(folder)] == ["000.parquet"]
