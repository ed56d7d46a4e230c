"""COPY and UNLOAD: their clauses."""

from dataclasses import dataclass

from sandbox.redshift.load.rights import CREDENTIALS, read_rights
from sandbox.redshift.plan.plans import Kind, Plan, RefusedError, Work
from sandbox.redshift.rules.cursor import Cursor
from sandbox.redshift.rules.lexer import Statement, split
from sandbox.redshift.rules.queries import plan_query
from sandbox.redshift.rules.rule import gap, rule

COPY = rule(
    "copy", "loads", "COPY has a table, FROM 's3://…', IAM_ROLE and the parameters of its format.", "r_COPY"
)
COPY_SOURCE = rule(
    "copy-source",
    "loads",
    "COPY reads from S3, EMR, a host by SSH or DynamoDB, never from the client.",
    "copy-parameters-data-source",
)
COPY_FORMAT = gap(
    "copy-format",
    "loads",
    "COPY of CSV, JSON, AVRO, ORC, text and fixed widths.",
    "copy-parameters-data-format",
)
COLUMNAR = rule(
    "copy-columnar-parameters",
    "loads",
    "COPY of Parquet takes FILLRECORD, MANIFEST, ACCEPTINVCHARS, STATUPDATE, COMPUPDATE and SERIALIZETOJSON alone.",
    "copy-usage_notes-copy-from-columnar",
)
UNLOAD = rule(
    "unload",
    "loads",
    "UNLOAD has a query in quotation marks, TO 's3://…', IAM_ROLE and its options.",
    "r_UNLOAD",
)
UNLOAD_FORMAT = gap(
    "unload-format",
    "loads",
    "UNLOAD of text, CSV and JSON, PARTITION BY, keys of one's own for client-side encryption.",
    "r_UNLOAD",
)
UNLOAD_LIMIT = rule("unload-limit", "loads", "UNLOAD's outer SELECT has no LIMIT.", "r_UNLOAD", "0A000")


@dataclass(frozen=True)
class Copy:
    """One COPY."""

    table: str
    columns: tuple[str, ...]
    """Quoted names; empty = all, in the table's order."""
    bucket: str
    prefix: str
    role: str
    is_manifest: bool = False


@dataclass(frozen=True)
class Unload:
    """One UNLOAD."""

    query: Plan
    bucket: str
    prefix: str
    role: str
    is_parallel: bool = True
    allows_overwrite: bool = False
    cleans_path: bool = False
    """Delete what is under the prefix first."""
    has_manifest: bool = False
    most_bytes: int = 0
    """Of one file. 0 = 6.2 GB, as usual."""
    kms_key_id: str = ""
    """Empty = the bucket's own encryption."""


def plan_copy(statement: Statement) -> Plan:
    """COPY of Parquet."""
    cursor = Cursor(statement, COPY)
    cursor.need("COPY")
    table = cursor.dotted()
    columns = cursor.names() if cursor.word == "(" else ()
    cursor.need("FROM")
    if cursor.word in ("STDIN", "PROGRAM"):
        raise RefusedError(COPY_SOURCE, f'syntax error at or near "{cursor.word}"')
    bucket, prefix = _place(cursor)
    role, is_parquet, is_manifest = "", False, False
    while not cursor.is_at_end:
        if named := read_rights(cursor):
            role = named
        elif cursor.take("FORMAT") or cursor.word == "PARQUET":
            cursor.take("AS")
            if not cursor.take("PARQUET"):
                raise RefusedError(COPY_FORMAT, f"the stand-in copies no {cursor.word}")
            is_parquet = True
        elif cursor.take("MANIFEST"):
            is_manifest = True
        else:
            _columnar_option(cursor)
    if not is_parquet:
        raise RefusedError(COPY_FORMAT, "the stand-in copies Parquet alone")
    if not role:
        raise RefusedError(CREDENTIALS, "COPY needs IAM_ROLE")
    work = Work("copy", Copy(table, columns, bucket, prefix, role, is_manifest))
    return Plan(Kind.CARRY_OUT, "", "COPY", tag="COPY", writes=frozenset({table}), work=work)


def _columnar_option(cursor: Cursor) -> None:
    word = cursor.word
    if cursor.one_of("STATUPDATE", "COMPUPDATE"):
        cursor.one_of("ON", "OFF", "TRUE", "FALSE", "PRESET")
    elif cursor.take("ACCEPTINVCHARS"):
        if cursor.take("AS") or (not cursor.is_at_end and not cursor.word):
            cursor.text()
    elif cursor.take("MAXERROR"):
        # Its default. That Redshift takes it here is known from dlt, which always writes it.
        cursor.take("AS")
        if cursor.number() != 0:
            raise RefusedError(COLUMNAR, "MAXERROR argument is not supported for PARQUET based COPY")
    elif not cursor.one_of("FILLRECORD", "SERIALIZETOJSON"):
        raise RefusedError(COLUMNAR, f"{word or 'this'} argument is not supported for PARQUET based COPY")


def _place(cursor: Cursor) -> tuple[str, str]:
    url = cursor.text()
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise RefusedError(COPY_SOURCE, f"the stand-in takes s3://bucket/prefix, not {url}")
    return bucket, prefix


def plan_unload(statement: Statement) -> Plan:
    """UNLOAD of Parquet."""
    cursor = Cursor(statement, UNLOAD)
    cursor.need("UNLOAD", "(")
    inner = cursor.text()
    cursor.need(")", "TO")
    queries = split(inner)
    if len(queries) != 1 or queries[0].word(0) not in ("SELECT", "WITH"):
        raise RefusedError(UNLOAD, "UNLOAD needs one SELECT")
    query = plan_query(queries[0])
    if _has_outer_limit(queries[0]):
        raise RefusedError(UNLOAD_LIMIT, "Limit clause is not supported")
    bucket, prefix = _place(cursor)
    found: dict[str, object] = {}
    while not cursor.is_at_end:
        _unload_option(cursor, found)
    if not found.pop("is_parquet", False):
        raise RefusedError(UNLOAD_FORMAT, "the stand-in unloads Parquet alone")
    if not found.pop("is_encrypted", False) and "kms_key_id" in found:
        raise RefusedError(UNLOAD, "KMS_KEY_ID needs ENCRYPTED")
    role = str(found.pop("role", ""))
    if not role:
        raise RefusedError(CREDENTIALS, "UNLOAD needs IAM_ROLE")
    work = Work("unload", Unload(query, bucket, prefix, role, **found))  # type: ignore[arg-type]
    return Plan(Kind.CARRY_OUT, "", "UNLOAD", tag="UNLOAD", reads=query.reads, work=work)


def _has_outer_limit(statement: Statement) -> bool:
    depth = 0
    for place in range(len(statement.tokens)):
        word = statement.word(place)
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 0 and word in ("LIMIT", "TOP"):
            return True
    return False


def _unload_option(cursor: Cursor, found: dict[str, object]) -> None:
    if named := read_rights(cursor):
        found["role"] = named
    elif cursor.take("FORMAT") or cursor.word == "PARQUET":
        cursor.take("AS")
        if not cursor.take("PARQUET"):
            raise RefusedError(UNLOAD_FORMAT, f"the stand-in unloads no {cursor.word}")
        found["is_parquet"] = True
    elif cursor.take("PARALLEL"):
        found["is_parallel"] = cursor.one_of("ON", "OFF", "TRUE", "FALSE") in ("ON", "TRUE")
    elif cursor.take("ALLOWOVERWRITE"):
        found["allows_overwrite"] = True
    elif cursor.take("CLEANPATH"):
        found["cleans_path"] = True
    elif cursor.take("ENCRYPTED"):
        cursor.take("AUTO")
        found["is_encrypted"] = True
    elif cursor.take("KMS_KEY_ID"):
        found["kms_key_id"] = cursor.text()
    elif cursor.take("MANIFEST"):
        cursor.take("VERBOSE")
        found["has_manifest"] = True
    elif cursor.take("MAXFILESIZE"):
        cursor.take("AS")
        size = cursor.decimal()
        found["most_bytes"] = int(size * (1024**3 if cursor.one_of("MB", "GB") == "GB" else 1024**2))
    elif cursor.one_of("REGION"):
        cursor.take("AS")
        cursor.text()
    else:
        raise RefusedError(
            UNLOAD_FORMAT, f"the stand-in's UNLOAD takes no {cursor.word or cursor.token().text}"
        )
