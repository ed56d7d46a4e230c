"""Data keys of one purpose, wrapped by KMS, in S3: the newest one is used, all of them are read.

A key's id holds a digest of the key, so a key that is lost is never replaced by another one under
its name: what it encrypted stays unreadable, and says which key it needs.
"""

import base64
import hashlib
import threading
import time
from dataclasses import dataclass
from typing import Any

import orjson

from clients.storage.objects import ObjectStore, S3Address, aws_client
from clients.storage.s3_errors import translated_s3
from schemas.errors import TerminalError
from schemas.security.ids import purpose_keys_prefix

KEY_BYTES = 32
_LOOK_AGAIN_SECONDS = 30.0
"""An unknown id is looked for in the bucket at most this often."""


@dataclass(frozen=True)
class PurposeKey:
    """One of them."""

    id: str
    key: bytes


class PurposeKeys:
    """The keys of one org and purpose. They are read when one is first needed. Its methods block;
    threads may share it.
    """

    def __init__(self, address: S3Address, org: str, purpose: str) -> None:
        self._address = address
        self._org = org
        self._purpose = purpose
        self._lock = threading.Lock()
        self._keys: dict[str, bytes] = {}
        self._present = ""
        self._looked_at = float("-inf")

    def present(self) -> PurposeKey:
        """The newest key; the first caller makes it.

        Raises `CredentialsRejectedError` when KMS or S3 refuse us, `UnavailableError` when they do
        not answer.
        """
        with self._lock:
            if not self._present:
                self._load()
            if not self._present:
                self._make(1)
            return PurposeKey(self._present, self._keys[self._present])

    def key(self, key_id: str) -> bytes | None:
        """A key by its id; None = there is no such key."""
        with self._lock:
            found = self._keys.get(key_id)
            if found is None and time.monotonic() - self._looked_at > _LOOK_AGAIN_SECONDS:
                self._load()
                found = self._keys.get(key_id)
            return found

    def all(self) -> dict[str, bytes]:
        """Every key by its id, the present one among them."""
        self.present()
        with self._lock:
            return dict(self._keys)

    def known(self, key_id: str) -> bytes | None:
        """A key that was read already, without asking anybody; None = not yet."""
        return self._keys.get(key_id)

    def known_present(self) -> PurposeKey | None:
        """As `present`, without asking anybody; None = it was not read yet."""
        return PurposeKey(self._present, self._keys[self._present]) if self._present else None

    def rotate(self) -> str:
        """Make a new key; returns its id. Processes take it at their next start, and read what it
        encrypted at once.
        """
        with self._lock:
            self._load()
            return self._make(int(self._present.partition("-")[0] or 0) + 1)

    def _load(self) -> None:
        self._looked_at = time.monotonic()
        store = ObjectStore(self._address)
        for where in store.keys(purpose_keys_prefix(self._org, self._purpose)):
            key_id = where.rpartition("/")[2].removesuffix(".json")
            if key_id not in self._keys:
                self._keys[key_id] = self._opened(key_id, store.get(where))
        self._present = max(self._keys, default="")

    def _opened(self, key_id: str, stored: bytes) -> bytes:
        wrapped = base64.b64decode(orjson.loads(stored)["wrapped"])
        with translated_s3("KMS"):
            opened = self._kms().decrypt(CiphertextBlob=wrapped, EncryptionContext=self._context())
        key: bytes = opened["Plaintext"]
        if _digest(key) != key_id.partition("-")[2]:
            message = f"The key {key_id} of {self._purpose} is not the one that was made. Restore its object in the bucket."
            raise TerminalError(message)
        return key

    def _make(self, number: int) -> str:
        with translated_s3("KMS"):
            made = self._kms().generate_data_key(
                KeyId=self._address.kms_key_id, NumberOfBytes=KEY_BYTES, EncryptionContext=self._context()
            )
        key_id = f"{number:04d}-{_digest(made['Plaintext'])}"
        body = orjson.dumps({"format": 1, "wrapped": base64.b64encode(made["CiphertextBlob"]).decode()})
        ObjectStore(self._address).create(
            f"{purpose_keys_prefix(self._org, self._purpose)}{key_id}.json", body
        )
        # Two processes may make one each at their first start: both are kept, the greater id wins.
        self._load()
        return key_id

    def _kms(self) -> Any:
        return aws_client("kms", self._address)

    def _context(self) -> dict[str, str]:
        # A key policy may give the keys of one purpose to some roles alone.
        return {"org": self._org, "purpose": self._purpose}


def _digest(key: bytes) -> str:
    return hashlib.sha256(b"tidegate key id" + key).hexdigest()[:12]
