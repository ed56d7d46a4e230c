"""Asks KMS: whether the key makes data keys and opens them, and whether the org's own data key
still opens.
"""

from collections.abc import Callable
from contextlib import closing

from clients.database.address import Database
from clients.database.key_register import DataKeyRegister
from clients.doctor.object_storage import code_of
from clients.storage.data_key import DataKeys, checked_keys
from clients.storage.objects import ObjectStore, S3Address, aws_client
from clients.storage.s3_errors import translated_s3
from schemas.doctor import CheckResult, not_asked, ok, wrong
from schemas.errors import (
    DataKeyMissingError,
    TerminalError,
    TidegateError,
    UnavailableError,
    WrongDataKeyError,
)
from schemas.security.ids import data_key_key, data_key_prefix
from transforms.pii import KEY_BYTES, KeyRing

_MISSING = {"NotFoundException", "InvalidArnException", "InvalidAliasNameException"}


def examine_key(org: str, address: S3Address, dsn: Database) -> list[CheckResult]:
    """Every finding about the key and the org's data keys. Blocks; KMS keeps nothing of it. `dsn`:
    of the operational store, which remembers the data keys.
    """
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
    return [made, _data_keys(org, address, dsn)]


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


def _data_keys(org: str, address: S3Address, dsn: Database) -> CheckResult:
    where = data_key_prefix(org)
    try:
        with closing(DataKeyRegister(dsn)) as register:
            known = register.known(org)
    except UnavailableError:
        known = {}  # the operational store's own check says so
    try:
        found = checked_keys(DataKeys(org, address, ObjectStore(address)), known)
    except (DataKeyMissingError, WrongDataKeyError) as error:
        remedy = (
            f"Restore s3://{address.place(where).bucket}/{where} from the objects' earlier versions, or give the engine's role "
            "the KMS key back that they were made with (aws kms cancel-key-deletion, enable-key). Do not delete a data key: "
            "without it what it encrypted cannot be read."
        )
        return wrong(
            "kms.data_key_lost", str(error), remedy, where=error.where.partition(f"{address.bucket}/")[2]
        )
    except TidegateError as error:
        remedy = "See what doctor says of S3, then run it again."
        return not_asked("kms.data_key", str(error), remedy, where=where)
    if not found:
        return ok("kms.data_key", "there is none yet; the first worker makes it", where=where)
    *old, active = KeyRing(found.values()).ids
    told = f"key {active} encrypts (fingerprint {found[active].fingerprint})"
    return ok("kms.data_key", f"{told}; {len(old)} older ones open" if old else told, where=where)
