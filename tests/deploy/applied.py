"""Buckets, keys and roles on an AWS emulator, put there by `terraform apply`.

Redshift, Aurora, Fargate and the load balancer are not applied: no emulator runs them.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from sandbox.ports import accepts_connections, free_port
from sandbox.processes import ProcessGroup, wait_until
from tests.deploy.terraform import ROOT, Terraform, copied

_HERE = Path(__file__).parent
_EMULATOR = ROOT / ".venv-clients" / "deploy-ministack" / "bin" / "python"
_REGION = "us-gov-west-1"
ORG = "00DTg0000000001MAA"
"""Of `emulated.tf`."""
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
    "module.data.aws_s3_bucket_lifecycle_configuration.work",
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

    def allowed(self, role: str, actions: Sequence[str], arn: str) -> set[str]:
        """Those of the actions that IAM's simulator allows a role on one resource."""
        answer = self.client("iam").simulate_principal_policy(
            PolicySourceArn=self.outputs["roles"][role], ActionNames=list(actions), ResourceArns=[arn]
        )
        results = answer["EvaluationResults"]
        return {each["EvalActionName"] for each in results if each["EvalDecision"] == "allowed"}


@contextmanager
def applied_deployment(folder: Path) -> Iterator[Applied]:
    """Apply it on an emulator of its own, until left."""
    assert _EMULATOR.exists(), "the emulator is not here: `make test-deploy` installs it"
    group, port = ProcessGroup(folder), free_port()
    settings = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_REGION": _REGION}
    child = group.start("aws", [str(_EMULATOR), "-m", "ministack.app"], environment=settings)
    try:
        wait_until(lambda: accepts_connections(port), child)
        endpoint = f"http://127.0.0.1:{port}"
        yield Applied(endpoint, _apply(copied(folder), endpoint))
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
