"""A program of an awswrangler user: `python awswrangler.py CALL` with the database and S3 on stdin,
a result on stdout.
"""

import json
import sys

# The folder of this script is first on the path, and this script has the client's name.
sys.path.pop(0)

from contextlib import contextmanager
from urllib.parse import urlsplit

import awswrangler as wr
import boto3
import pandas as pd
import redshift_connector

FRAME = pd.DataFrame(
    {
        "id": [1, 2],
        "name": ["one", "zwei"],
        "price": [1.5, 2.25],
        "at": pd.to_datetime(["2026-01-02 03:04:05", "2026-06-07 08:09:10"]),
        "is_new": [True, False],
    }
)
KEYED = {"schema": "public", "table": "things"}


@contextmanager
def connected(given):
    place = urlsplit(given["dsn"])
    connection = redshift_connector.connect(
        host=place.hostname,
        port=place.port,
        database=place.path[1:],
        user=place.username,
        password=place.password,
        ssl=False,
    )
    try:
        yield connection
    finally:
        connection.close()


def on_s3(given):
    """The arguments of each call that uses S3."""
    wr.config.s3_endpoint_url = given["endpoint"]
    session = boto3.Session(
        aws_access_key_id=given["access_key"],
        aws_secret_access_key=given["secret_key"],
        region_name=given["region"],
    )
    return {"iam_role": given["role"], "boto3_session": session}


def rows(connection):
    frame = wr.redshift.read_sql_query(
        "SELECT id, name, price, at, is_new FROM public.things ORDER BY id", connection
    )
    return [[str(value) for value in row] for row in frame.itertuples(index=False)]


def copy(given):
    with connected(given) as connection:
        wr.redshift.copy(
            FRAME, f"{given['load']}copy/", connection, **KEYED, **on_s3(given), mode="overwrite"
        )
        wr.redshift.copy(FRAME, f"{given['load']}more/", connection, **KEYED, **on_s3(given), mode="append")
        return rows(connection)


def write(given):
    """The rows after each mode of to_sql."""
    seen = {}
    with connected(given) as connection:
        for mode in ("append", "append", "overwrite"):
            wr.redshift.to_sql(FRAME, connection, **KEYED, mode=mode, primary_keys=["id"])
            seen.setdefault(mode, []).append(len(rows(connection)))
        changed = FRAME.assign(id=[2, 3], name=["two", "three"])
        wr.redshift.to_sql(changed, connection, **KEYED, mode="upsert", primary_keys=["id"])
        return [seen, rows(connection)]


def overwrite(given):
    """The rows after an overwrite by each method."""
    seen = {}
    with connected(given) as connection:
        for method in ("drop", "cascade", "truncate", "delete"):
            for _ in range(2):
                wr.redshift.to_sql(FRAME, connection, **KEYED, mode="overwrite", overwrite_method=method)
            seen[method] = len(rows(connection))
    return seen


def upsert_by_copy(given):
    with connected(given) as connection:
        changed = FRAME.assign(id=[2, 3], name=["two", "three"])
        for place, frame in (("one", FRAME), ("two", changed)):
            wr.redshift.copy(
                frame,
                f"{given['load']}{place}/",
                connection,
                **KEYED,
                **on_s3(given),
                mode="upsert",
                primary_keys=["id"],
                lock=True,
            )
        return rows(connection)


def upsert_by_found_key(given):
    """The error or the rows of an upsert that looks for the key itself."""
    with connected(given) as connection:
        wr.redshift.to_sql(FRAME, connection, **KEYED, primary_keys=["id"])
        try:
            wr.redshift.to_sql(FRAME, connection, **KEYED, mode="upsert")
        except wr.exceptions.InvalidRedshiftPrimaryKeys as error:
            return str(error)
        return rows(connection)


def unload(given):
    with connected(given) as connection:
        wr.redshift.to_sql(FRAME, connection, **KEYED)
        frame = wr.redshift.unload(
            "SELECT id, name, price FROM public.things",
            given["unload"],
            connection,
            **on_s3(given),
            **given.get("options", {}),
        )
        return sorted([int(row.id), row.name, float(row.price)] for row in frame.itertuples(index=False))


def refused(given):
    """Options of an unload: taken, or the rule that refuses each."""
    said = {}
    for name, options in {
        "cleanpath": {"cleanpath": True},
        "size": {"max_file_size": 5.0},
        "csv": {"unload_format": "CSV"},
        "partitions": {"partition_cols": ["name"]},
    }.items():
        with connected(given) as connection:
            wr.redshift.to_sql(FRAME, connection, **KEYED, mode="overwrite")
            try:
                wr.redshift.unload_to_files(
                    "SELECT id, name FROM public.things",
                    given["unload"],
                    connection,
                    **on_s3(given),
                    **options,
                )
                said[name] = "taken"
            except redshift_connector.Error as error:
                said[name] = error.args[0]["H"].split(":")[0]
    return said


def by_keys(given):
    """A load by keys in the place of a role."""
    with connected(given) as connection:
        options = on_s3(given)
        options.pop("iam_role")
        wr.redshift.copy(FRAME, f"{given['load']}keys/", connection, **KEYED, **options)
        return rows(connection)


def read(given):
    """A query with parameters, and a table."""
    with connected(given) as connection:
        wr.redshift.to_sql(FRAME, connection, **KEYED)
        found = wr.redshift.read_sql_query(
            "SELECT name FROM public.things WHERE id >= %s", connection, params=[2]
        )
        table = wr.redshift.read_sql_table("things", connection, schema="public", chunksize=1)
        return [found["name"].tolist(), [len(part) for part in table], list(found.columns)]


print(json.dumps(globals()[sys.argv[1]](json.load(sys.stdin))))
