"""KMS: the org's data keys for PII, each made once, kept wrapped in S3, unwrapped in memory.

A key is made only for an org that has nothing encrypted yet. Where there is a chain, a raw file or
a curated row, a missing key is an error: another one in its place would leave all of that
unreadable, and say nothing.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import orjson
from botocore.config import Config

from clients.storage.objects import ObjectStore, S3Address, aws_client
from clients.storage.s3_errors import translated_s3
from schemas.errors import (
    CredentialsRejectedError,
    DataKeyMissingError,
    TerminalError,
    WrongDataKeyError,
)
from schemas.ids import chain_prefix
from schemas.ingest.raw import Manifest
from schemas.security.ids import data_key_key, data_key_prefix
from transforms.pii import KEY_BYTES, DataKey, KeyRing

_FIRST = "1"
_LANES = 20
"""Lanes whose first manifest is asked which key it was made with."""


class KeyRegister(Protocol):
    """Where fingerprints of keys are kept, apart from the keys."""

    def entries(self, org: str) -> Mapping[str, str]:
        """Key id -> fingerprint."""

    def add(self, org: str, key_id: str, fingerprint: str, by: str) -> str:
        """Keep a fingerprint; returns the one that the register has by then."""


class DataKeys:
    """The data keys of one org, as S3 and KMS have them. Its methods block.

    They raise `CredentialsRejectedError` when KMS or S3 refuse us, `UnavailableError` when they do
    not answer, `WrongDataKeyError` for an object that is no key.
    """

    def __init__(
        self, org: str, address: S3Address, store: ObjectStore, changed: Config | None = None
    ) -> None:
        """`changed`: as of `aws_client`."""
        self.org = org
        self.store = store
        self._address = address
        self._kms = aws_client("kms", address, changed)

    def ids(self) -> list[str]:
        """Of the keys that are there, the oldest first."""
        prefix = data_key_prefix(self.org)
        names = (key.removeprefix(prefix).removesuffix(".json") for key in self.store.keys(prefix))
        return sorted((name for name in names if name.isdigit()), key=int)

    def all(self) -> list[DataKey]:
        """Every key, the oldest first."""
        return [self.open(key_id) for key_id in self.ids()]

    def open(self, key_id: str) -> DataKey:
        """One key, unwrapped."""
        where = self.place(key_id)
        body = self.store.get(data_key_key(self.org, key_id))
        try:
            wrapped = base64.b64decode(orjson.loads(body)["wrapped"])
            with translated_s3("KMS"):
                opened = self._kms.decrypt(CiphertextBlob=wrapped, EncryptionContext={"org": self.org})
        except CredentialsRejectedError:
            raise
        except (TerminalError, ValueError, KeyError, TypeError) as error:
            raise WrongDataKeyError(where=where, found=f"it cannot be opened ({error})") from error
        return DataKey(id=key_id, key=opened["Plaintext"])

    def make(self, key_id: str) -> DataKey:
        """Make the key called `key_id`, unless it is there; returns the one that is there by
        then.
        """
        with translated_s3("KMS"):
            made = self._kms.generate_data_key(
                KeyId=self._address.place(data_key_prefix(self.org)).kms_key_id,
                NumberOfBytes=KEY_BYTES,
                EncryptionContext={"org": self.org},
            )
        wrapped = base64.b64encode(made["CiphertextBlob"]).decode()
        body = orjson.dumps({"format": 1, "id": key_id, "wrapped": wrapped})
        self.store.create(data_key_key(self.org, key_id), body)
        return self.open(key_id)

    def place(self, key_id: str) -> str:
        """Where a key lies, for an operator."""
        where = data_key_key(self.org, key_id)
        return f"s3://{self._address.place(where).bucket}/{where}"


def org_data_key(org: str, address: S3Address, store: ObjectStore) -> DataKey:
    """The data key with which the org's values are encrypted now: as `org_key_ring`, without a
    register.
    """
    return org_key_ring(org, address, store).active


def org_key_ring(
    org: str,
    address: S3Address,
    store: ObjectStore,
    *,
    register: KeyRegister | None = None,
    has_rows: Callable[[], bool] = lambda: False,
    by: str = "",
) -> KeyRing:
    """Every data key of `org`, checked against what is known of them. The first caller for an org
    without any data makes the first key.

    Args:
        org: 18 characters.
        address: Of S3 and KMS.
        store: The same bucket.
        register: What has been seen of the keys before. None = nobody remembers.
        has_rows: True when the warehouse has rows of the org. Asked only when there is no key.
        by: Who makes a key, for the register.

    Raises:
        DataKeyMissingError: A key is gone that something was encrypted with.
        WrongDataKeyError: Another key is in its place.
        CredentialsRejectedError: KMS or S3 refuse us.
        UnavailableError: They do not answer.
    """
    keys = DataKeys(org, address, store)
    known = {} if register is None else register.entries(org)
    found = checked_keys(keys, known, has_rows) or {_FIRST: keys.make(_FIRST)}
    if register is not None:
        for key_id in found.keys() - known.keys():
            kept = register.add(org, key_id, found[key_id].fingerprint, by)
            _check(keys.place(key_id), found[key_id], kept, "the register")
    return KeyRing(found.values(), keys.all)


def checked_keys(
    keys: DataKeys, known: Mapping[str, str], has_rows: Callable[[], bool] = lambda: False
) -> dict[str, DataKey]:
    """Key id -> key, of every key of the org, checked as of `org_key_ring`; empty when the first
    one may be made. Makes nothing.

    Args:
        keys: The org's.
        known: Key id -> fingerprint, of the register.
        has_rows: As of `org_key_ring`.
    """
    found = {key.id: key for key in keys.all()}
    for key_id in known.keys() - found.keys():
        raise DataKeyMissingError(org=keys.org, where=keys.place(key_id), evidence="the register knows it")
    if not found:
        found = _after_all(keys, has_rows)
    for key_id, key in found.items():
        _check(keys.place(key_id), key, known.get(key_id), "the register")
    if found.keys() - known.keys():
        _check_manifests(keys, found)
    return found


def _after_all(keys: DataKeys, has_rows: Callable[[], bool]) -> dict[str, DataKey]:
    """The keys of an org that had none a moment ago; raises `DataKeyMissingError` when it has data,
    and still no key.
    """
    org, store = keys.org, keys.store
    evidence = {
        "manifests": lambda: _has_any(store, chain_prefix(org)),
        "raw files": lambda: _has_any(store, f"raw/{org}/"),
        "rows in the warehouse": has_rows,
    }
    for what, is_there in evidence.items():
        if not is_there():
            continue
        # Another process may have made the key, and landed something, since we looked.
        if not (found := keys.all()):
            raise DataKeyMissingError(org=org, where=keys.place(_FIRST), evidence=f"the org has {what}")
        return {key.id: key for key in found}
    return {}


def _check(where: str, key: DataKey, fingerprint: str | None, witness: str) -> None:
    if fingerprint is not None and fingerprint != key.fingerprint:
        found = f"its fingerprint is {key.fingerprint}, and {witness} has {fingerprint}"
        raise WrongDataKeyError(where=where, found=found)


def _check_manifests(keys: DataKeys, found: Mapping[str, DataKey]) -> None:
    """Hold keys that nobody remembers against what was landed with them."""
    for manifest in first_manifests(keys.org, keys.store):
        key_id, _, fingerprint = manifest.data_key.partition(":")
        if not key_id:
            continue  # of an older release
        if key_id not in found:
            evidence = f"{manifest.batch} was landed with it"
            raise DataKeyMissingError(org=keys.org, where=keys.place(key_id), evidence=evidence)
        _check(keys.place(key_id), found[key_id], fingerprint, f"the manifest of {manifest.batch}")


def first_manifests(org: str, store: ObjectStore) -> Iterator[Manifest]:
    """The manifest whose key sorts first, of some lanes."""
    after = ""
    for _ in range(_LANES):
        key = next(store.keys(chain_prefix(org), after=after), None)
        if key is None:
            return
        found = store.find(key)
        if found is not None:
            yield Manifest.model_validate_json(found)
        after = f"{key.rpartition('/')[0]}/~"


def _has_any(store: ObjectStore, prefix: str) -> bool:
    return next(store.keys(prefix), None) is not None
