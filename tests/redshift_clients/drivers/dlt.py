"""A program of a dlt user: `python dlt.py CALL` with the database on stdin, a result on stdout."""

import json
import os
import sys

# The folder of this script is first on the path, and this script has the client's name.
sys.path.pop(0)

import tempfile

import dlt
from dlt.destinations import filesystem, redshift

DATASET = "loaded"
FIRST = [
    {
        "id": 1,
        "name": "one",
        "price": 1.5,
        "at": "2026-01-02T03:04:05Z",
        "lines": [{"sku": "a"}, {"sku": "b"}],
    },
    {"id": 2, "name": "日本", "price": None, "at": "2026-06-07T08:09:10Z", "lines": []},
]
SECOND = [
    {"id": 2, "name": "zwei", "price": 2.25, "at": "2026-06-08T08:09:10Z", "lines": [{"sku": "c"}]},
    {"id": 3, "name": "three", "price": 3.0, "at": "2026-06-09T08:09:10Z", "lines": []},
]


def pipeline(given, name, **more):
    """A pipeline of its own folder, by INSERT; by COPY of Parquet where `given` has a bucket."""
    staging = None
    if "bucket" in given:
        credentials = {
            "aws_access_key_id": given["access_key"],
            "aws_secret_access_key": given["secret_key"],
            "endpoint_url": given["endpoint"],
            "region_name": given["region"],
        }
        staging = filesystem(bucket_url=given["bucket"], credentials=credentials)
        more["staging_iam_role"] = given["role"]
    return dlt.pipeline(
        name,
        pipelines_dir=given["folder"],
        destination=redshift(credentials=given["dsn"], **more),
        staging=staging,
        dataset_name=DATASET,
    )


def rows(line, query):
    with line.sql_client() as client, client.execute_query(query) as cursor:
        return [[str(value) for value in row] for row in cursor.fetchall()]


def loaded(given, disposition, first="replace"):
    """Two loads of `items`, the first by another disposition; rows of it and of its lines."""
    line = pipeline(given, f"judge_{disposition}")
    for data, how in ((FIRST, first), (SECOND, disposition)):
        kind = "parquet" if "bucket" in given else "insert_values"
        line.run(data, table_name="items", primary_key="id", loader_file_format=kind, write_disposition=how)
    items = rows(line, "SELECT id, name, price FROM items ORDER BY id, name")
    lines = rows(line, "SELECT sku FROM items__lines ORDER BY sku")
    return [items, [sku for (sku,) in lines]]


def append(given):
    return loaded(given, "append")


def merge(given):
    """By DELETE and INSERT, which is dlt's only merge for Redshift. Its tables are made by a merge:
    later it would add a column that is NOT NULL, which Redshift refuses.
    """
    return loaded(given, "merge", first="merge")


def replace(given):
    return loaded(given, "replace")


def evolve(given):
    """A load with a new column, and one whose values have another type."""
    line = pipeline(given, "judge_evolve")
    line.run([{"id": 1, "size": 5}], table_name="sizes", loader_file_format="insert_values")
    line.run(
        [{"id": 2, "size": "large", "more": True}], table_name="sizes", loader_file_format="insert_values"
    )
    return [
        rows(line, "SELECT id, size, size__v_text, more FROM sizes ORDER BY id"),
        sorted(line.default_schema.tables["sizes"]["columns"]),
    ]


def state(given):
    """An incremental resource, run twice: the second run loads only what is new."""
    line = pipeline(given, "judge_state")

    def changes(last):
        @dlt.resource(name="changes", primary_key="id", write_disposition="append")
        def given_changes(at=dlt.sources.incremental("number", initial_value=0)):  # noqa: B008 -- as dlt has it
            yield [{"id": n, "number": n} for n in range(1, last + 1)]

        return given_changes()

    for last in (2, 4):
        line.run(changes(last), loader_file_format="insert_values")
    # As on another machine: the state comes back from the warehouse.
    line.drop()
    line.sync_destination()
    line.run(changes(5), loader_file_format="insert_values")
    return rows(line, "SELECT number FROM changes ORDER BY number")


if __name__ == "__main__":
    asked = json.loads(sys.stdin.read())
    os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "WARNING"})
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        print(json.dumps(globals()[sys.argv[1]]({**asked, "folder": folder})))
