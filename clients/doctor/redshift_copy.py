"""Asks Redshift to load one object: that needs the role, its rights on bucket and key, and one
region for bucket and cluster.

COPY of Parquet takes no REGION, and reads by presigned URLs:
https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

import uuid

import psycopg
import pyarrow as pa

from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.redshift_sql import copy_statement, stage_statement
from clients.warehouse.redshift_transaction import LOAD_PREFIX
from clients.warehouse.redshift_values import parquet_of
from schemas.doctor import CheckResult, not_asked, ok, wrong
from schemas.errors import TidegateError
from schemas.tables import RECORD_ID

_TABLE = "tidegate_doctor_copy"
_COLUMNS = (RECORD_ID,)
_CHECK, _PROBLEM = "warehouse.copy", "warehouse.no_copy"


def examine_copy(connection: psycopg.Connection, address: S3Address, role: str) -> list[CheckResult]:
    """Whether COPY reads the bucket. Blocks; leaves nothing behind."""
    store, key = ObjectStore(address), f"{LOAD_PREFIX}doctor-{uuid.uuid4().hex}.parquet"
    where = store.bucket_of(key)
    rows = pa.table({RECORD_ID.name: pa.array(["doctor"], RECORD_ID.arrow)})
    try:
        store.put(key, parquet_of(rows))
        try:
            connection.execute(stage_statement(_TABLE, _COLUMNS).encode())
            connection.execute(copy_statement(_TABLE, _COLUMNS, f"s3://{where}/{key}", role).encode())
        finally:
            connection.rollback()
            store.delete(key)
    except TidegateError as error:
        return [not_asked(_CHECK, str(error), "See what doctor says of the bucket, then run it again.")]
    except psycopg.Error as error:
        told = " ".join(str(error).split())[:300]
        return [wrong(_PROBLEM, told, remedy_of_copy(told, where, address, role), where=where)]
    return [ok(_CHECK, f"COPY has read an object of {where}")]


def remedy_of_copy(told: str, bucket: str, address: S3Address, role: str) -> str:
    """The act that lets COPY read the bucket, by Redshift's words."""
    words = told.lower()
    if "assume" in words:
        return attach(role)
    if any(word in words for word in ("redirect", "301", "region")):
        return f"Use a bucket in the cluster's region: COPY of Parquet takes no REGION. {bucket} is in {address.region}."
    if "kms" in words:
        return f"Allow {role} kms:Decrypt on {address.place(LOAD_PREFIX).kms_key_id}, also in the key's own policy."
    return (
        f"Allow {role} s3:GetObject and s3:ListBucket on {bucket}, and kms:Decrypt on "
        f"{address.place(LOAD_PREFIX).kms_key_id}. The bucket's policy must not refuse presigned URLs "
        "(s3:authType, or s3:signatureAge under an hour)."
    )


def attach(role: str) -> str:
    """The act that lets the cluster use the role."""
    return f"Attach {role} to the cluster or namespace, and let redshift.amazonaws.com assume it."
