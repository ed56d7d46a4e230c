"""Asks Redshift to unload one row, as a reconciliation of a large object does: that needs the
role's right to write under `unload/`, and to use the key of the bucket.
"""

import psycopg

from clients.doctor.redshift_copy import attach
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.redshift_sql import insert_statement, stage_statement
from clients.warehouse.redshift_unload import UNLOAD_PREFIX, Unloader
from schemas.doctor import CheckResult, not_asked, ok, warning
from schemas.errors import TidegateError
from schemas.tables import RECORD_ID

_TABLE = "tidegate_doctor_unload"
_COLUMNS = (RECORD_ID,)
_CHECK, _PROBLEM = "warehouse.unload", "warehouse.no_unload"


def examine_unload(connection: psycopg.Connection, address: S3Address, role: str) -> list[CheckResult]:
    """Whether UNLOAD writes to the bucket, and whether we read it there. A warning where it does
    not: large objects are then read by pages. Blocks; leaves nothing behind.
    """
    store = ObjectStore(address)
    where, unloader = store.bucket_of(UNLOAD_PREFIX), Unloader(store, role)
    try:
        # Of a table: a query without one runs on the leader alone.
        connection.execute(stage_statement(_TABLE, _COLUMNS).encode())
        connection.execute(insert_statement(_TABLE, _COLUMNS, "('doctor')").encode())
        query = f"SELECT {RECORD_ID.sql} FROM {_TABLE}"
        rows = [
            row
            for page in unloader.rows(lambda text: connection.execute(text.encode()), query)
            for row in page
        ]
    except TidegateError as error:
        return [not_asked(_CHECK, str(error), "See what doctor says of the bucket, then run it again.")]
    except psycopg.Error as error:
        told = " ".join(str(error).split())[:300]
        return [warning(_PROBLEM, told, remedy_of_unload(told, where, address, role), where=where)]
    finally:
        connection.rollback()
        unloader.clean()
    if rows != [("doctor",)]:
        told = f"UNLOAD wrote one row to {where}, and {len(rows)} came back"
        return [
            warning(_PROBLEM, told, "Run `tidegate warehouse verify`, and send us its output.", where=where)
        ]
    return [ok(_CHECK, f"UNLOAD has written an object to {where}")]


def remedy_of_unload(told: str, bucket: str, address: S3Address, role: str) -> str:
    """The act that lets UNLOAD write to the bucket, by Redshift's words."""
    words, key = told.lower(), address.place(UNLOAD_PREFIX).kms_key_id
    without = "Until then reconciliations of more than 500,000 records read by pages, through the leader."
    if "assume" in words:
        return f"{attach(role)} {without}"
    if any(word in words for word in ("redirect", "301", "region")):
        return f"Use a bucket in the cluster's region; {bucket} is in {address.region}. {without}"
    if "kms" in words:
        return f"Allow {role} kms:GenerateDataKey on {key}, also in the key's own policy. {without}"
    return (
        f"Allow {role} s3:PutObject on {bucket}/{UNLOAD_PREFIX}*, and kms:GenerateDataKey on {key}. {without}"
    )
