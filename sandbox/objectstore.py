"""S3 and KMS from the package `ministack`: objects are files and keys are kept as they are made, so
both outlive a killed emulator.
"""

import sys
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
    """Start S3 and KMS on `port` of `host` with state in `folder`; returns when buckets and keys
    exist.

    `overlays`: as S3, let another version be put over a locked one; it does not outlive the
    emulator then.
    """
    child = launch_objectstore(group, folder, port=port, host=host, overlays=overlays)
    await_objectstore(child, port=port)
    return child


def launch_objectstore(
    group: ProcessGroup, folder: Path, *, port: int, host: str = LOOPBACK, overlays: bool = False
) -> Child:
    """Start the process, and wait for nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state").mkdir(exist_ok=True)
    environment = {
        **({OVERLAYS: "1"} if overlays else {}),
        "SERVICES": "s3,kms",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": host,
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "objects"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "MINISTACK_REGION": REGION,
        "LOG_LEVEL": "WARNING",
        # Two servers at ports of their own, which it would start beside the services above.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
    }
    return group.start("s3", [sys.executable, "-m", "sandbox.s3_server"], environment=environment)


def await_objectstore(child: Child, *, port: int) -> None:
    """Return when it answers, and has the buckets and the keys."""
    wait_until(lambda: accepts_connections(port), child)
    s3 = _client("s3", port)
    wait_until(lambda: _answers(s3), child)
    known = {bucket["Name"] for bucket in s3.list_buckets().get("Buckets", [])}
    if BUCKET not in known:
        s3.create_bucket(Bucket=BUCKET)
    for locked in {ARCHIVE_BUCKET, AUDIT_BUCKET} - known:
        s3.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)
    _ensure_keys(port)


def endpoint(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _client(service: str, port: int) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint(port),
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def _answers(s3: Any) -> bool:
    try:
        s3.list_buckets()
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


def _ensure_keys(port: int) -> None:
    """Make the keys that are missing."""
    kms = _client("kms", port)
    known = {alias["AliasName"] for alias in kms.list_aliases().get("Aliases", [])}
    missing = [alias for alias in _KEYS if alias not in known]
    for alias in missing:
        key = kms.create_key(**_KEYS[alias])["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=alias, TargetKeyId=key)
