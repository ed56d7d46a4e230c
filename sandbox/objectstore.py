"""S3 and KMS from the package `ministack`: objects are files, so they outlive a killed emulator.

The emulator writes its KMS keys only when it is stopped in order. A key that encrypts data must
not be lost, so the first start makes the key, stops the emulator and starts it again; from then
on the key is on disk.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.ports import LOOPBACK, accepts_connections
from sandbox.processes import Child, ProcessGroup, wait_until

REGION = "us-east-1"
ACCESS_KEY = "sandbox"
SECRET_KEY = "sandbox-secret"  # noqa: S105 -- the emulator accepts any
OVERLAYS = "TIDEGATE_SANDBOX_S3_OVERLAYS"
"""Environment variable for `sandbox.s3_locks`."""
BUCKET = "tidegate"
ARCHIVE_BUCKET = f"{BUCKET}-archive"
"""Has Object Lock, which a bucket gets when it is made."""
KEY_ALIAS = "alias/tidegate"
AUDIT_BUCKET = "tidegate-audit"
"""Made with Object Lock."""
SIGNING_ALIAS = "alias/tidegate-audit"
"""An asymmetric key."""


def start_objectstore(
    group: ProcessGroup, folder: Path, *, port: int, host: str = LOOPBACK, overlays: bool = False
) -> Child:
    """Start S3 and KMS on `port` of `host` with state in `folder`; returns when bucket and key
    exist.

    `overlays`: as S3, let another version be put over a locked one; it does not outlive the
    emulator then.
    """
    more = {OVERLAYS: "1"} if overlays else {}
    child = _start(group, folder, port, host, more)
    if _ensure_keys(port):
        child.stop()
        group.discard(child)
        child = _start(group, folder, port, host, more)
    s3 = _client("s3", port)
    known = {bucket["Name"] for bucket in s3.list_buckets().get("Buckets", [])}
    if BUCKET not in known:
        s3.create_bucket(Bucket=BUCKET)
    for locked in {ARCHIVE_BUCKET, AUDIT_BUCKET} - known:
        s3.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)
    return child


def endpoint(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _start(group: ProcessGroup, folder: Path, port: int, host: str, more: Mapping[str, str]) -> Child:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state").mkdir(exist_ok=True)
    environment = {
        **more,
        "SERVICES": "s3,kms",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": host,
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "objects"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "MINISTACK_REGION": REGION,
        "LOG_LEVEL": "WARNING",
    }
    child = group.start("s3", [sys.executable, "-m", "sandbox.s3_server"], environment=environment)
    wait_until(lambda: accepts_connections(port) and _answers(port), child)
    return child


def _client(service: str, port: int) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint(port),
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def _answers(port: int) -> bool:
    try:
        _client("s3", port).list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return True


_KEYS = {
    KEY_ALIAS: {"Description": "Tidegate sandbox"},
    SIGNING_ALIAS: {
        "Description": "Tidegate sandbox: audit anchors",
        "KeySpec": "ECC_NIST_P256",
        "KeyUsage": "SIGN_VERIFY",
    },
}


def _ensure_keys(port: int) -> bool:
    """Make the keys that are missing; True when one was made."""
    kms = _client("kms", port)
    known = {alias["AliasName"] for alias in kms.list_aliases().get("Aliases", [])}
    missing = [alias for alias in _KEYS if alias not in known]
    for alias in missing:
        key = kms.create_key(**_KEYS[alias])["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=alias, TargetKeyId=key)
    return bool(missing)
