"""Asks KMS: whether the key makes data keys and opens them, and whether the org's own data key
still opens.
"""

import base64
from collections.abc import Callable
from typing import Any

import orjson

from clients.doctor.object_storage import code_of
from clients.storage.objects import ObjectStore, S3Address, aws_client, translated_s3
from schemas.doctor import CheckResult, not_asked, ok, wrong
from schemas.errors import TerminalError, TidegateError, UnavailableError
from schemas.ids import data_key_key
from transforms.pii import KEY_BYTES

_MISSING = {"NotFoundException", "InvalidArnException", "InvalidAliasNameException"}


def examine_key(org: str, address: S3Address) -> list[CheckResult]:
    """Every finding about the key. Blocks; KMS keeps nothing of it."""
    kms = aws_client("kms", address)
    context, key = {"org": org}, address.place(data_key_key(org)).kms_key_id

    def used() -> None:
        with translated_s3("KMS"):
            made = kms.generate_data_key(KeyId=key, NumberOfBytes=KEY_BYTES, EncryptionContext=context)
            opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
        if opened["Plaintext"] != made["Plaintext"]:
            raise TerminalError("a data key came back otherwise than it was made")

    refused = _attempt(address, key, used)
    if refused is not None:
        return [refused]
    made = ok("kms.key", f"{key} makes data keys and opens them")
    return [made, _data_key(org, address, kms)]


def _attempt(address: S3Address, key: str, work: Callable[[], None]) -> CheckResult | None:
    try:
        work()
    except UnavailableError as error:
        return wrong(
            "kms.unreachable",
            str(error),
            "Open the way to KMS, or correct TIDEGATE_S3__KMS_ENDPOINT_URL or _ENDPOINT_URL.",
        )
    except TidegateError as error:
        if code_of(error) in _MISSING:
            remedy = (
                f"Correct TIDEGATE_S3__KMS_KEY_ID, or make the key in {address.region}: aws kms create-key, "
                f"then aws kms create-alias --alias-name {key if key.startswith('alias/') else 'alias/tidegate'}"
            )
            return wrong("kms.key_missing", f"KMS has no key {key} in {address.region}", remedy, where=key)
        remedy = (
            "Allow the engine's role kms:GenerateDataKey and kms:Decrypt in the key's policy; "
            f"aws kms enable-key --key-id {key} when it is disabled."
        )
        return wrong("kms.key_unusable", str(error), remedy, where=key)
    return None


def _data_key(org: str, address: S3Address, kms: Any) -> CheckResult:
    where = data_key_key(org)
    try:
        found = ObjectStore(address).find(where)
    except TidegateError as error:
        return not_asked(
            "kms.data_key", str(error), "See what doctor says of S3, then run it again.", where=where
        )
    if found is None:
        return ok("kms.data_key", "there is none yet; the first worker makes it", where=where)
    try:
        with translated_s3("KMS"):
            wrapped = base64.b64decode(orjson.loads(found)["wrapped"])
            kms.decrypt(CiphertextBlob=wrapped, EncryptionContext={"org": org})
    except (TidegateError, ValueError, KeyError) as error:
        remedy = (
            "Give the engine's role the KMS key back that it was made with (aws kms cancel-key-deletion, enable-key), or restore "
            f"the object s3://{address.place(where).bucket}/{where}. Do not delete it: without it no encrypted field can be read."
        )
        return wrong("kms.data_key_lost", f"it cannot be opened: {error}", remedy, where=where)
    return ok("kms.data_key", "it opens", where=where)
