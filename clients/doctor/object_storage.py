"""Asks S3: the bucket, the rights, and the conditional put on which the chain of batches stands
(law 2).
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from clients.storage.objects import ObjectStore, S3Address, aws_client
from schemas.doctor import CheckResult, not_asked, ok, wrong
from schemas.errors import TerminalError, TidegateError, UnavailableError
from schemas.security.data_classes import DataClass

PREFIX = "doctor/"
"""Under it the test objects are written and deleted."""
_BODY = b"tidegate doctor"
_AGAIN = "See that S3 answers, then run `tidegate doctor` again."
_KEYS = (
    "Set TIDEGATE_S3__ACCESS_KEY and TIDEGATE_S3__SECRET_KEY, or attach the engine's role to this machine."
)


def examine_bucket(address: S3Address) -> list[CheckResult]:
    """Every finding about the bucket, or about each where classes of data have their own. Blocks;
    leaves nothing behind.
    """
    found: list[CheckResult] = []
    for place, kind in address.places().items():
        alone = replace(address, bucket=place.bucket, kms_key_id=place.kms_key_id, classes={})
        found += _examine_one(alone, is_locked=kind is DataClass.ARCHIVE)
    return found


def _examine_one(address: S3Address, *, is_locked: bool) -> list[CheckResult]:
    failed = _reach(address)
    if failed is not None:
        return [failed]
    store, key = ObjectStore(address), f"{PREFIX}{uuid.uuid4().hex}"
    found = [ok("s3.bucket", f"the bucket {address.bucket} answers")]
    if is_locked:
        return found  # what is written there stays
    try:
        refused = _attempt(
            "s3.no_write", "s3:PutObject and kms:GenerateDataKey", address, lambda: store.put(key, _BODY)
        )
        if refused is not None:
            return [*found, refused]
        rights = [*_rights(store, key, address)]
        found += rights or [ok("s3.objects", "an object was written, read, listed and deleted")]
        found.append(_conditional(store, f"{key}-once", address))
    finally:
        _forget(address, key, f"{key}-once")
    return found


def _reach(address: S3Address) -> CheckResult | None:
    try:
        aws_client("s3", address).head_bucket(Bucket=address.bucket)
    except ClientError as error:
        return _refused_bucket(address, _status(error), code_of(error))
    except BotoCoreError as error:
        where = address.endpoint_url or f"AWS in {address.region}"
        remedy = "Correct TIDEGATE_S3__ENDPOINT_URL and _REGION, or open the network way to it."
        if "credentials" in str(error).lower():
            return wrong("s3.credentials", f"{error}", _KEYS)
        return wrong("s3.unreachable", f"no answer from {where}: {type(error).__name__}", remedy)
    return None


def _refused_bucket(address: S3Address, status: int, code: str) -> CheckResult:
    bucket = address.bucket
    if status == 404:
        remedy = f"aws s3api create-bucket --bucket {bucket} --region {address.region}, or correct TIDEGATE_S3__BUCKET."
        return wrong(
            "s3.bucket_missing", f"there is no bucket {bucket} in {address.region}", remedy, where=bucket
        )
    if status in (301, 400):
        remedy = (
            "Set TIDEGATE_S3__REGION to the bucket's region: aws s3api get-bucket-location --bucket " + bucket
        )
        return wrong(
            "s3.bucket_missing", f"the bucket {bucket} is not in {address.region} ({status} {code})", remedy
        )
    remedy = f"{_KEYS} Its policy must allow s3:ListBucket on {bucket}."
    return wrong(
        "s3.credentials", f"S3 refuses us the bucket {bucket} ({status} {code})", remedy, where=bucket
    )


def _rights(store: ObjectStore, key: str, address: S3Address) -> list[CheckResult]:
    def read() -> None:
        if store.get(key) != _BODY:
            raise TerminalError("an object came back otherwise than it was written")

    def listed() -> None:
        if key not in list(store.keys(PREFIX)):
            raise TerminalError("an object that was just written is not listed")

    def deleted() -> None:
        store.delete(key)
        if store.find(key) is not None:
            raise TerminalError("an object that was deleted is still there")

    attempts = (
        _attempt("s3.no_read", "s3:GetObject and kms:Decrypt", address, read),
        _attempt("s3.no_list", "s3:ListBucket", address, listed),
        _attempt("s3.no_delete", "s3:DeleteObject", address, deleted),
    )
    return [each for each in attempts if each is not None]


def _attempt(code: str, actions: str, address: S3Address, work: Callable[[], None]) -> CheckResult | None:
    try:
        work()
    except UnavailableError as error:
        return not_asked("s3.objects", f"{actions}: {error.detail}", _AGAIN, where=address.bucket)
    except TidegateError as error:
        place = f"arn:aws:s3:::{address.bucket} and arn:aws:s3:::{address.bucket}/*"
        remedy = f"Allow the engine's role {actions} (bucket {place}; key {address.kms_key_id})."
        return wrong(code, str(error), remedy, where=address.bucket)
    return None


def _conditional(store: ObjectStore, key: str, address: S3Address) -> CheckResult:
    remedy = (
        "Use S3 itself, or an S3-compatible store that honours `If-None-Match: *` on PutObject, and take out whatever "
        "removes that header on the way. Do not start the engine before: two followers of a lane would fork its chain."
    )
    code, where = "s3.no_conditional_put", address.bucket
    try:
        first, second = store.create(key, _BODY), store.create(key, b"another")
    except UnavailableError as error:
        return not_asked("s3.conditional_put", error.detail, _AGAIN, where=where)
    except TidegateError as error:
        return wrong(code, f"a put with `If-None-Match: *` is refused: {error}", remedy, where=where)
    if first and not second:
        return ok("s3.conditional_put", "a second put of the same key was refused")
    return wrong(code, "a second put with `If-None-Match: *` wrote over the first one", remedy, where=where)


def _forget(address: S3Address, *keys: str) -> None:
    client = aws_client("s3", address)
    for key in keys:
        try:
            client.delete_object(Bucket=address.bucket, Key=key)
        except (BotoCoreError, ClientError):
            return  # `s3.no_delete` says it


def code_of(error: BaseException | None) -> str:
    """AWS' own code of a refusal, its cause's if need be; empty when there is none."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return "" if error is None or error.__cause__ is None else code_of(error.__cause__)


def _status(error: ClientError) -> int:
    answered: dict[str, Any] = error.response.get("ResponseMetadata", {})
    return int(answered.get("HTTPStatusCode", 0))
