"""The ids and object keys of data keys, the archive, the audit log's anchors, retention and
erasures, in the grammar of `schemas.ids`.
"""


def data_key_prefix(org: str) -> str:
    """Where the org's data keys lie. Nothing else does."""
    return f"keys/{org}/"


def data_key_key(org: str, key_id: str = "1") -> str:
    """One data key of the org for PII, wrapped by KMS."""
    return f"{data_key_prefix(org)}{key_id}.json"


def purpose_keys_prefix(org: str, purpose: str) -> str:
    """Where the data keys of one purpose lie, wrapped by KMS."""
    return f"keys/{org}/{purpose}/"


def rotate_keys_workflow_id(org: str, name: str) -> str:
    """The same name is the same rotation of data keys."""
    return f"rotate-keys/{org}/{name}"


def archive_prefix(org: str, source: str, month: str) -> str:
    """Where an archived month of a table lies, in the archive's bucket: a partition as Spectrum,
    Athena and DuckDB read it.
    """
    return f"archive/{org}/{source}/month={month}/"


def archive_file_key(org: str, source: str, month: str, number: int) -> str:
    """One file of such a month."""
    return f"{archive_prefix(org, source, month)}part-{number:05d}.parquet"


def archive_manifest_key(org: str, source: str, month: str) -> str:
    """The checksums of such a month. The leading underscore hides it from SQL engines."""
    return f"{archive_prefix(org, source, month)}_manifest.json"


def retention_workflow_id(org: str, name: str) -> str:
    """A run of retention; a schedule adds the time to the ids of its own."""
    return f"retention/{org}/{name}"


def anchor_prefix(org: str) -> str:
    """Where the anchors of an org's audit log lie, in a bucket of their own."""
    return f"anchors/{org}/"


def anchor_key(org: str, number: int) -> str:
    """The anchor whose last row has this number. Keys sort as numbers do."""
    return f"{anchor_prefix(org)}{number:020d}.json"


def erasure_workflow_id(org: str, key: str) -> str:
    """The same key is the same erasure."""
    return f"erasure/{org}/{key}"


def erasure_scope_key(org: str, key: str) -> str:
    """Whom an erasure is about: ids, and keys of writebacks as tokens; gone when it is done."""
    return f"erasures/{org}/{key}.json"
