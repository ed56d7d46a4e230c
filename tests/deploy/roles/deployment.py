"""The buckets, keys and settings that Terraform gives the engine, for an engine in the sandbox."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from sandbox.endpoints import Endpoints
from tests.deploy.roles.permissions import Deployed
from tests.deploy.terraform import TREE

_SERVICES = TREE / "modules" / "services" / "main.tf"
_GIVEN = re.compile(
    r'TIDEGATE_(?P<path>\w+)\s+= var\.(?:(?P<what>buckets|keys)\["(?P<kind>\w+)"\]|(?P<anchor>anchor_key_arn))'
)
LOCKED = "archive"
"""The class whose bucket has Object Lock."""


@dataclass(frozen=True)
class Given:
    """A setting that names a bucket or a key of the deployment."""

    path: tuple[str, ...]
    """Its way through the settings' tree."""
    what: str
    """`buckets` or `keys`."""
    kind: str
    """The class of data."""


def given_settings() -> list[Given]:
    """As `deploy/terraform/modules/services/main.tf` has them in the tasks' environment."""
    return [
        Given(tuple(found["path"].lower().split("__")), found["what"] or "keys", found["kind"] or "anchor")
        for found in _GIVEN.finditer(_SERVICES.read_text(encoding="utf-8"))
    ]


def make_stores(endpoints: Endpoints) -> Deployed:
    """Make every bucket and key that the settings name."""
    s3, kms = _client("s3", endpoints), _client("kms", endpoints)
    buckets, keys = {}, {}
    for kind in sorted({each.kind for each in given_settings() if each.what == "buckets"}):
        s3.create_bucket(Bucket=f"tidegate-proof-{kind}", ObjectLockEnabledForBucket=kind == LOCKED)
        buckets[f"tidegate-proof-{kind}"] = kind
    for kind in sorted({each.kind for each in given_settings() if each.what == "keys"}):
        signs = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"} if kind == "anchor" else {}
        keys[kms.create_key(**signs)["KeyMetadata"]["KeyId"]] = kind
    return Deployed(endpoints.salesforce.org_id, buckets, keys)


def with_stores(settings: dict[str, Any], deployed: Deployed) -> dict[str, Any]:
    """The settings of a sandbox's engine with the deployment's buckets and keys in place of its
    own.
    """
    names = {"buckets": deployed.buckets, "keys": deployed.keys}
    for each in given_settings():
        (name,) = (name for name, kind in names[each.what].items() if kind == each.kind)
        group = settings
        for part in each.path[:-1]:
            group = group.setdefault(part, {})
        group[each.path[-1]] = name
    return settings


def put_object(endpoints: Endpoints, deployed: Deployed, kind: str, key: str, body: bytes) -> None:
    """Put a file as an outside system does, under the key of its class."""
    (place,) = (each.kind for each in given_settings() if each.path == ("s3", kind, "kms_key_id"))
    (bucket,) = (name for name, found in deployed.buckets.items() if found == kind)
    (key_id,) = (name for name, found in deployed.keys.items() if found == place)
    _client("s3", endpoints).put_object(
        Bucket=bucket, Key=key, Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=key_id
    )


def calls_file(folder: Path, role: str) -> Path:
    """Where the processes of a role write, and find the deployment's names beside it."""
    return folder / role


def _client(service: str, endpoints: Endpoints) -> Any:
    s3 = endpoints.s3
    return boto3.client(
        service,
        endpoint_url=s3.endpoint_url,
        region_name=s3.region,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )
