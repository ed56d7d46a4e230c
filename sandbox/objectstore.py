"""S3 and KMS from the package `ministack`: objects are files and keys are kept as they are made, so
both outlive a killed emulator.
"""

import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.ports import accepts_connections
from sandbox.processes import Child, ProcessGroup, wait_until

REGION = "us-east-1"
ACCESS_KEY = "sandbox"
SECRET_KEY = "sandbox-secret"  # noqa: S105 -- the emulator accepts any
BUCKET = "tidegate"
KEY_ALIAS = "alias/tidegate"


def start_objectstore(group: ProcessGroup, folder: Path, *, port: int) -> Child:
    """Start S3 and KMS on `port` with state in `folder`; returns when bucket and key exist."""
    child = launch_objectstore(group, folder, port=port)
    await_objectstore(child, port=port)
    return child


def launch_objectstore(group: ProcessGroup, folder: Path, *, port: int) -> Child:
    """Start the process, and wait for nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        "SERVICES": "s3,kms",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
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
    """Return when it answers, and has the bucket and the key."""
    wait_until(lambda: accepts_connections(port), child)
    s3 = _client("s3", port)
    wait_until(lambda: _answers(s3), child)
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets().get("Buckets", [])}:
        s3.create_bucket(Bucket=BUCKET)
    _ensure_key(port)


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


def _ensure_key(port: int) -> None:
    """Make the key if there is none."""
    kms = _client("kms", port)
    if KEY_ALIAS in {alias["AliasName"] for alias in kms.list_aliases().get("Aliases", [])}:
        return
    key = kms.create_key(Description="Tidegate sandbox")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=KEY_ALIAS, TargetKeyId=key)
