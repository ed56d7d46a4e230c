"""The task roles of Terraform's files may do what their processes do, and nothing else.

What they do was recorded on a running engine (`calls_of_roles.yaml`). What a recording of minutes
cannot reach is listed by hand with its reason (`unrecorded.yaml`). IAM's simulator is asked about
every action on every place.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.applied import ORG, Applied
from tests.deploy.roles.permissions import Permission, Permissions, from_yaml
from tests.deploy.roles.record import LIST

pytestmark = pytest.mark.deploy
_ROLES = ("lanes", "batches", "backfill", "writebacks", "api", "migrate")
_OBJECT_ACTIONS = (
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectRetention",
    "s3:PutObject",
    "s3:PutObjectRetention",
    "s3:PutObjectLegalHold",
    "s3:PutObjectAcl",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:BypassGovernanceRetention",
)
_BUCKET_ACTIONS = (
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:GetLifecycleConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:GetBucketObjectLockConfiguration",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketPolicy",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutBucketPublicAccessBlock",
    "s3:DeleteBucket",
)
_KEY_ACTIONS = (
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:Sign",
    "kms:GetPublicKey",
    "kms:ScheduleKeyDeletion",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:PutKeyPolicy",
    "kms:CreateGrant",
    "kms:ReEncryptFrom",
)
_MOST_POLICY = 10_240
_OTHER_ORG = "00DTg0000000002MAA"


def _recorded() -> Permissions:
    return from_yaml(LIST.read_text(encoding="utf-8"))


def _by_hand(*, varying: bool) -> Permissions:
    """Permissions added by hand. `varying`: also those that chance may record."""
    added: Permissions = {role: set() for role in _ROLES}
    for entry in yaml.safe_load((Path(__file__).parent / "unrecorded.yaml").read_text(encoding="utf-8")):
        pairs = {Permission(action, place) for action in entry["actions"] for place in entry["places"]}
        for role in entry["roles"] if varying or not entry.get("varies") else ():
            added[role] |= pairs
    return added


def _needed() -> Permissions:
    recorded, added = _recorded(), _by_hand(varying=True)
    return {role: recorded[role] | added[role] for role in _ROLES}


def _arn(applied: Applied, place: str, org: str = ORG) -> str:
    if place.startswith("key "):
        kind = place.removeprefix("key ")
        found = applied.outputs["anchor_key" if kind == "anchor" else "keys"]
        return str(found if kind == "anchor" else found[kind])
    kind, _, prefix = place.partition("/")
    bucket = str(applied.outputs["buckets"][kind]["arn"])
    return f"{bucket}/{prefix.replace('ORG', org)}/x" if prefix else bucket


def _actions(place: str) -> tuple[str, ...]:
    if place.startswith("key "):
        return _KEY_ACTIONS
    return _OBJECT_ACTIONS if "/" in place else _BUCKET_ACTIONS


def _places(applied: Applied) -> set[str]:
    """Every place that a role needs or that a policy names, and all buckets and keys."""
    named = {each.place for needed in _needed().values() for each in needed}
    buckets = applied.outputs["buckets"]
    keys = {f"key {kind}" for kind in (*applied.outputs["keys"], "anchor")}
    return named | set(buckets) | keys | {place for role in _ROLES for place in _granted(applied, role)}


def _granted(applied: Applied, role: str) -> Iterator[str]:
    """The prefixes that a role's policy names."""
    kinds = {bucket["arn"]: kind for kind, bucket in applied.outputs["buckets"].items()}
    for statement in _policy(applied, role)["Statement"]:
        resources = statement["Resource"]
        for arn in [resources] if isinstance(resources, str) else resources:
            bucket, slash, prefix = arn.partition("/")
            if slash and bucket in kinds:
                yield f"{kinds[bucket]}/{prefix.removesuffix('/*').replace(ORG, 'ORG')}"


def _policy(applied: Applied, role: str) -> dict[str, Any]:
    name = applied.outputs["roles"][role].rpartition("/")[2]
    answer = applied.client("iam").get_role_policy(RoleName=name, PolicyName="engine")
    document = answer["PolicyDocument"]
    return dict(json.loads(document) if isinstance(document, str) else document)


@pytest.mark.parametrize("role", _ROLES)
def test_a_role_may_do_what_it_does_and_nothing_else(applied: Applied, role: str) -> None:
    allowed = {
        Permission(action, place)
        for place in _places(applied)
        for action in applied.allowed(role, _actions(place), _arn(applied, place))
    }
    needed = _needed()[role]
    assert sorted(needed - allowed) == [], "the role is refused what it does"
    assert sorted(allowed - needed) == [], "the role may do what it never does"


@pytest.mark.parametrize("role", _ROLES)
def test_a_role_may_not_touch_the_objects_of_another_org(applied: Applied, role: str) -> None:
    for place in (place for place in _places(applied) if place.endswith("/ORG")):
        assert applied.allowed(role, _OBJECT_ACTIONS, _arn(applied, place, _OTHER_ORG)) == set(), place


@pytest.mark.parametrize("role", _ROLES)
def test_a_policy_fits_into_a_role(applied: Applied, role: str) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
    assert len(json.dumps(_policy(applied, role), separators=(",", ":"))) < _MOST_POLICY


def test_what_was_added_by_hand_was_not_recorded() -> None:
    recorded, added = _recorded(), _by_hand(varying=False)
    for role in _ROLES:
        assert sorted(recorded[role] & added[role]) == [], f"{role}: remove it from unrecorded.yaml"


_NEVER = [
    ("lanes", "s3:DeleteObject", "raw/raw/ORG"),
    ("batches", "s3:DeleteObject", "raw/raw/ORG"),
    ("writebacks", "s3:GetObject", "raw/raw/ORG"),
    ("api", "s3:PutObject", "raw/raw/ORG"),
    ("migrate", "s3:GetObject", "raw/raw/ORG"),
    *((role, "s3:DeleteObject", "raw/chain/ORG") for role in _ROLES),
    *((role, "s3:DeleteObject", "keys/keys/ORG") for role in _ROLES),
    *((role, "s3:DeleteObject", "archive/anchors/ORG") for role in _ROLES),
    *((role, "s3:DeleteObjectVersion", "archive/anchors/ORG") for role in _ROLES),
    *((role, "s3:BypassGovernanceRetention", "archive/anchors/ORG") for role in _ROLES),
    *((role, "kms:Decrypt", "key stores") for role in _ROLES),
    *((role, "kms:Decrypt", "key logs") for role in _ROLES),
    *((role, "kms:ScheduleKeyDeletion", "key pii") for role in _ROLES),
    *((role, "kms:Decrypt", "key raw") for role in ("migrate",)),
]


@pytest.mark.parametrize(("role", "action", "place"), _NEVER)
def test_a_role_is_denied(applied: Applied, role: str, action: str, place: str) -> None:
    assert applied.allowed(role, [action], _arn(applied, place)) == set()
    assert Permission(action, place) not in _needed()[role], "the lists must not ask for it"
