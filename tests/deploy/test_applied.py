"""Buckets, keys and roles as an AWS emulator has them after `terraform apply`: what is there
counts, not the text.

Redshift, Aurora, Fargate and the load balancer are not applied: no emulator runs them.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.ports import accepts_connections, free_port
from sandbox.processes import ProcessGroup, wait_until
from tests.deploy.terraform import ROOT, Terraform, copied

pytestmark = pytest.mark.deploy
_HERE = Path(__file__).parent
_EMULATOR = ROOT / ".venv-clients" / "deploy-ministack" / "bin" / "python"
_REGION = "us-gov-west-1"
_ORG = "00DTg0000000001MAA"
_APPLIED = (
    "module.data.aws_kms_key.class",
    "module.data.aws_kms_key.anchor",
    "module.data.aws_s3_bucket.class",
    "module.data.aws_s3_bucket_public_access_block.class",
    "module.data.aws_s3_bucket_versioning.class",
    "module.data.aws_s3_bucket_server_side_encryption_configuration.class",
    "module.data.aws_s3_bucket_policy.class",
    "module.data.aws_s3_bucket_object_lock_configuration.archive",
    "module.data.aws_s3_bucket_lifecycle_configuration.class",
    "module.data.aws_s3_bucket_lifecycle_configuration.keys",
    "module.services.aws_iam_role.task",
    "module.services.aws_iam_role_policy.task",
)


@dataclass(frozen=True)
class Applied:
    """The resources that Terraform made, and who asks the emulator about it."""

    endpoint: str
    outputs: dict[str, Any]

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=_REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )

    def bucket(self, kind: str) -> str:
        name = self.outputs["buckets"][kind]["name"]
        assert isinstance(name, str)
        return name

    def may(self, role: str, action: str, arn: str) -> bool:
        """The answer of IAM about a role's action on one resource."""
        answer = self.client("iam").simulate_principal_policy(
            PolicySourceArn=self.outputs["roles"][role], ActionNames=[action], ResourceArns=[arn]
        )
        (result,) = answer["EvaluationResults"]
        return bool(result["EvalDecision"] == "allowed")


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    assert _EMULATOR.exists(), "the emulator is not here: `make test-deploy` installs it"
    folder = tmp_path_factory.mktemp("applied")
    group, port = ProcessGroup(folder), free_port()
    settings = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_REGION": _REGION}
    child = group.start("aws", [str(_EMULATOR), "-m", "ministack.app"], environment=settings)
    try:
        wait_until(lambda: accepts_connections(port), child)
        endpoint = f"http://127.0.0.1:{port}"
        terraform = copied(folder)
        yield Applied(endpoint, _apply(terraform, endpoint))
    finally:
        group.stop()


def _apply(terraform: Terraform, endpoint: str) -> dict[str, Any]:
    data, root = terraform.tree / "modules" / "data", terraform.tree / "examples" / "emulated"
    (data / "redshift.tf").unlink()
    shutil.copy(_HERE / "stand_in.tf", data / "redshift.tf")
    root.mkdir()
    (root / "main.tf").write_text((_HERE / "emulated.tf").read_text().replace("@ENDPOINT@", endpoint))
    shutil.copy(data / "versions.tf", root / "versions.tf")
    # The safety against losing a key is tested by its presence; here it would keep nothing.
    targets = [f"-target={each}" for each in _APPLIED]
    terraform.init("examples/emulated")
    terraform.run("examples/emulated", "apply", "-auto-approve", "-input=false", "-no-color", *targets)
    return terraform.outputs("examples/emulated")


def test_raw_events_expire_after_13_months_and_manifests_never(applied: Applied) -> None:
    rules = applied.client("s3").get_bucket_lifecycle_configuration(Bucket=applied.bucket("raw"))["Rules"]
    expiring = {
        rule["Filter"].get("Prefix"): rule["Expiration"]["Days"] for rule in rules if "Expiration" in rule
    }
    assert expiring == {"raw/": 396}


def test_nothing_expires_keys(applied: Applied) -> None:
    rules = applied.client("s3").get_bucket_lifecycle_configuration(Bucket=applied.bucket("keys"))["Rules"]
    assert [rule for rule in rules if "Expiration" in rule or "NoncurrentVersionExpiration" in rule] == []


def test_the_archive_is_locked_for_seven_years(applied: Applied) -> None:
    answer = applied.client("s3").get_object_lock_configuration(Bucket=applied.bucket("archive"))
    retention = answer["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert (retention["Mode"], retention["Days"]) == ("COMPLIANCE", 2557)


def test_a_locked_version_cannot_be_deleted(applied: Applied) -> None:
    s3, bucket = applied.client("s3"), applied.bucket("archive")
    version = s3.put_object(Bucket=bucket, Key=f"archive/{_ORG}/x", Body=b"x")["VersionId"]
    with pytest.raises(ClientError):
        s3.delete_object(Bucket=bucket, Key=f"archive/{_ORG}/x", VersionId=version)


def test_every_bucket_is_encrypted_by_the_key_of_its_class_and_closed_to_the_public(applied: Applied) -> None:
    s3, keys = applied.client("s3"), applied.outputs["keys"]
    expected = {
        "raw": "raw",
        "staged": "raw",
        "work": "raw",
        "keys": "pii",
        "intake": "raw",
        "archive": "audit",
    }
    for kind, key in expected.items():
        bucket = applied.bucket(kind)
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rules[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == keys[key], kind
        assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()), kind
        assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"], kind


def test_every_key_rotates(applied: Applied) -> None:
    kms = applied.client("kms")
    for kind, arn in applied.outputs["keys"].items():
        assert kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"], kind


_OBJECTS = {
    "raw": f"raw/{_ORG}/lane/x.parquet",
    "chain": f"chain/{_ORG}/lane/x.json",
    "staged": f"staged/{_ORG}/lane/x.parquet",
    "keys": f"keys/{_ORG}/1.json",
    "intake": f"intake/{_ORG}/x.csv",
    "archive": f"archive/{_ORG}/x.parquet",
    "of another org": "raw/00DTg0000000002MAA/lane/x.parquet",
}
_BUCKET_OF = {"chain": "raw", "of another org": "raw"}
_ALLOWED = [
    ("lanes", "s3:PutObject", "raw"),
    ("lanes", "s3:PutObject", "chain"),
    ("lanes", "s3:GetObject", "keys"),
    ("batches", "s3:GetObject", "raw"),
    ("batches", "s3:PutObject", "staged"),
    ("batches", "s3:DeleteObject", "staged"),
    ("backfill", "s3:PutObject", "raw"),
    ("writebacks", "s3:GetObject", "intake"),
    ("api", "s3:GetObject", "chain"),
]
_DENIED = [
    ("lanes", "s3:DeleteObject", "raw"),
    ("lanes", "s3:PutObject", "staged"),
    ("lanes", "s3:GetObject", "intake"),
    ("lanes", "s3:PutObject", "of another org"),
    ("batches", "s3:PutObject", "raw"),
    ("batches", "s3:PutObject", "keys"),
    ("batches", "s3:DeleteObject", "archive"),
    ("writebacks", "s3:GetObject", "raw"),
    ("writebacks", "s3:PutObject", "keys"),
    ("api", "s3:PutObject", "raw"),
    ("api", "s3:DeleteObject", "chain"),
    ("api", "s3:BypassGovernanceRetention", "archive"),
    ("migrate", "s3:GetObject", "raw"),
]


def _arn(applied: Applied, kind: str) -> str:
    return f"{applied.outputs['buckets'][_BUCKET_OF.get(kind, kind)]['arn']}/{_OBJECTS[kind]}"


@pytest.mark.parametrize(("role", "action", "kind"), _ALLOWED)
def test_a_role_may_do_its_work(applied: Applied, role: str, action: str, kind: str) -> None:
    assert applied.may(role, action, _arn(applied, kind))


@pytest.mark.parametrize(("role", "action", "kind"), _DENIED)
def test_a_role_may_not_do_the_work_of_others(applied: Applied, role: str, action: str, kind: str) -> None:
    assert not applied.may(role, action, _arn(applied, kind))


@pytest.mark.parametrize("role", ["lanes", "batches", "backfill", "writebacks", "api", "migrate"])
def test_no_role_may_touch_keys_of_kms(applied: Applied, role: str) -> None:
    for action in ("kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy", "kms:CreateGrant"):
        assert not applied.may(role, action, applied.outputs["keys"]["pii"])
