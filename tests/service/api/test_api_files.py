"""Files of writebacks as an attacker writes them: bounded memory, bounded time, and of one's own
only.
"""

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.api import new_token
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import default_catalogue
from schemas.ids import intake_prefix_of
from schemas.security.access import CallerRole
from tests.service.api.test_api_abuse import MOST_MEMORY, peak
from tests.support.builders.waiting import SLOWNESS
from tests.support.engines.served_api import ORG, fresh
from tests.support.processes.api_process import ApiProcess, api_process

pytestmark = [pytest.mark.service, pytest.mark.slow]


def parquet(table: pa.Table, **how: object) -> bytes:
    """The table as a file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", **how)
    return sink.getvalue()


def repeated(rows: int, text: str) -> pa.Table:
    """Rows that are all alike, so that a file of a few bytes holds them."""
    values = pa.array([text])
    many = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), values)
    return pa.table({"external_id": many, "Subject": many})


def hand_in(
    api: ApiProcess, store: ObjectStore, body: bytes, kind: str, caller: str = "writer"
) -> httpx.Response:
    """The answer to a file of the caller's own."""
    key = f"{intake_prefix_of(ORG, caller)}{fresh()}.{kind}"
    store.put(key, body)
    asked = {"key": key, "format": kind, "object": "Case"}
    return api.ask("POST", "/v1/writebacks/files", caller, json=asked, timeout=60 * SLOWNESS)


@pytest.fixture
def api(
    tmp_path: Path, database: str, s3_address: S3Address, warehouse: PostgresWarehouse
) -> Iterator[ApiProcess]:
    warehouse.ensure_tables(default_catalogue())
    with api_process(tmp_path, dsn=database, s3=s3_address) as running:
        yield running


def test_a_parquet_file_that_inflates_is_refused_in_bounded_memory(
    api: ApiProcess, store: ObjectStore
) -> None:
    """A kilobyte that holds 600 MB."""
    body = parquet(repeated(10_000, "a" * 60_000))
    assert len(body) < 20_000
    with peak(api) as most:
        answer = hand_in(api, store, body, "parquet").json()
        assert answer["accepted"] == 0
        assert "Reading stopped" in answer["trouble"], answer
        assert api.ask("GET", "/healthz").status_code == 200
    assert most[0] < MOST_MEMORY + 512 * 1024 * 1024
    assert api.process.memory_info().rss < MOST_MEMORY


def test_a_small_file_of_many_rows_does_not_hold_the_process(api: ApiProcess, store: ObjectStore) -> None:
    body = parquet(repeated(3_000_000, "a"), use_dictionary=True, row_group_size=3_000_000)
    assert len(body) < 20_000
    began = time.monotonic()
    answer = hand_in(api, store, body, "parquet").json()
    assert answer["rows"] == 0
    assert time.monotonic() - began < 5 * SLOWNESS


CSV = "external_id,Subject\nC-1,Größe\n"


@pytest.mark.parametrize(
    "body",
    [
        CSV.encode("utf-16"),
        CSV.encode("utf-16-le"),
        CSV.encode("utf-32"),
        CSV.encode("latin-1"),
        CSV.encode() + b"\xff\xfe\n",
        b"external_id,Sub\x00ject\nC-1,x\n",
        CSV.encode() + b'C-2,"never closed\n' + (b"x" * 30 + b"\n") * 200_000,
        b'"external_id,Subject\nC-1,x\n',
        b"external_id,Subject\nC-1," + b"a" * 5_000_000 + b"\n",
        b"",
        b"\n\n\n",
        b"\xef\xbb\xbf",
        b"a," * 5_000 + b"b\n1\n",
        os.urandom(50_000),
        b"\x00" * 10_000,
        b"external_id,external_id\nC-1,C-2\n",
    ],
    ids=[
        "UTF-16", "UTF-16 without a mark", "UTF-32", "latin-1", "bad bytes", "NUL", "open quote", "quote in the header",
        "giant field", "nothing", "blank lines", "a mark alone", "many columns", "noise", "zeros", "twice",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_a_file_that_cannot_be_read_is_named_and_is_no_fault_of_ours(
    api_of_module: ApiProcess, store: ObjectStore, body: bytes, kind: str
) -> None:
    response = hand_in(api_of_module, store, body, kind)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["accepted"] == 0 or kind == "csv"
    assert answer["trouble"] or answer["refused"] or kind == "ndjson", answer
    assert "Größe" not in str(answer)


@pytest.fixture(scope="module")
def api_of_module(
    tmp_path_factory: pytest.TempPathFactory, module_database: str, s3_address: S3Address
) -> Iterator[ApiProcess]:
    warehouse = PostgresWarehouse(module_database)
    warehouse.ensure_tables(default_catalogue())
    warehouse.close()
    with api_process(tmp_path_factory.mktemp("api"), dsn=module_database, s3=s3_address) as running:
        yield running


def test_a_csv_with_a_mark_of_utf_8_is_read(api_of_module: ApiProcess, store: ObjectStore) -> None:
    answer = hand_in(api_of_module, store, b"\xef\xbb\xbf" + CSV.encode(), "csv").json()
    assert (answer["rows"], answer["accepted"]) == (1, 1), answer


def test_values_of_every_parquet_type_are_told_and_none_is_lost(
    api_of_module: ApiProcess, store: ObjectStore
) -> None:
    """A value that has no form in JSON refuses its row; it does not come as null."""
    table = pa.table(
        {
            "external_id": ["P-1", "P-2"],
            "SlaHours__c": pa.array([float("nan"), 2.5]),
            "Subject": pa.array([b"\xff\xfe", b"text"], pa.binary()),
        }
    )
    answer = hand_in(api_of_module, store, parquet(table), "parquet").json()
    assert (answer["accepted"], answer["refused"]) == (1, 1), answer


def test_a_writer_has_no_other_ones_file_read(
    tmp_path: Path, database: str, s3_address: S3Address, store: ObjectStore, warehouse: PostgresWarehouse
) -> None:
    warehouse.ensure_tables(default_catalogue())
    mine, theirs = (new_token(name, CallerRole.WRITER) for name in ("mine", "theirs"))
    with api_process(tmp_path, dsn=database, s3=s3_address, tokens=[mine[1], theirs[1]]) as api:
        api.tokens.update(mine=mine[0], theirs=theirs[0])
        key = f"{intake_prefix_of(ORG, 'theirs')}{fresh()}.csv"
        store.put(key, CSV.encode())
        asked = {"key": key, "format": "csv", "object": "Case"}
        answer = api.ask("POST", "/v1/writebacks/files", "mine", json=asked)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.key")
        assert intake_prefix_of(ORG, "mine") in answer.json()["detail"]
        assert api.ask("POST", "/v1/writebacks/files", "theirs", json=asked).status_code == 200
