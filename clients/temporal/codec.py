"""Temporal's payloads, encrypted before they leave the process: Temporal keeps what it cannot
read.

Encoded are inputs, results, memos, summaries, details, heartbeats, and failures with their
messages. Plain ones are read, too: histories from before, and of an engine that has the codec
off.
"""

import asyncio
import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

from clients.concurrency import in_daemon_thread
from clients.storage.purpose_keys import PurposeKey, PurposeKeys
from schemas.errors import TerminalError

T = TypeVar("T")
ENCODING: Final = b"binary/encrypted"
"""As Temporal's own samples name it, so that its tools recognise it."""
KEY_ID: Final = "encryption-key-id"
PURPOSE: Final = "temporal"
"""Of the ring of keys."""
_NONCE_BYTES: Final = 12


class EncryptingCodec(PayloadCodec):
    """AES-256-GCM with a data key that KMS wraps. The key's id is in the payload's metadata."""

    def __init__(self, ring: PurposeKeys, *, encrypts: bool) -> None:
        """`encrypts` False: payloads are written plain, and read either way."""
        self._ring = ring
        self._encrypts = encrypts
        self._ciphers: dict[str, AESGCM] = {}
        self._asking: dict[tuple[str, ...], asyncio.Task[Any]] = {}
        """Keys that are being asked for, by what they are asked by."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The payloads encrypted, one by one."""
        if not self._encrypts:
            return list(payloads)
        key = self._ring.known_present()
        if key is None:
            key = await self._asked(self._ring.present)
        return [self._encrypted(each, key) for each in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The payloads in plain; those that are so already stay as they are.

        Raises `TerminalError` for a key that is not in the bucket.
        """
        return [await self._decrypted(each) for each in payloads]

    def _encrypted(self, payload: Payload, key: PurposeKey) -> Payload:
        nonce, name = os.urandom(_NONCE_BYTES), key.id.encode()
        data = nonce + self._cipher(key.id, key.key).encrypt(nonce, payload.SerializeToString(), name)
        return Payload(metadata={"encoding": ENCODING, KEY_ID: name}, data=data)

    async def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        name = payload.metadata.get(KEY_ID, b"")
        key_id = name.decode("ascii", errors="replace")
        key = self._ring.known(key_id) or await self._asked(self._ring.key, key_id)
        if key is None:
            message = f"A payload needs the key {key_id} of Temporal's payloads, which is not in the bucket. Restore it."
            raise TerminalError(message)
        nonce, data = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(self._cipher(key_id, key).decrypt(nonce, data, name))
        except (InvalidTag, ValueError) as error:
            message = f"A payload is not as it was encrypted with the key {key_id}: it was altered."
            raise TerminalError(message) from error

    async def _asked(self, ask: Callable[..., T], *arguments: str) -> T:
        """The ring's answer. KMS may be frozen, so a key has one thread for all who wait for it,
        and a process that ends does not wait.
        """
        asking = self._asking.get(arguments)
        if asking is None or asking.done() or asking.get_loop() is not asyncio.get_running_loop():
            asking = asyncio.ensure_future(in_daemon_thread(ask, *arguments))
            asking.add_done_callback(_hear)
            self._asking[arguments] = asking
        return cast(T, await asyncio.shield(asking))

    def _cipher(self, key_id: str, key: bytes) -> AESGCM:
        found = self._ciphers.get(key_id)
        if found is None:
            found = self._ciphers[key_id] = AESGCM(key)
        return found


def _hear(asked: asyncio.Task[Any]) -> None:
    """Take note of a failure, also when nobody waits for the answer any more."""
    if not asked.cancelled():
        asked.exception()


def data_converter(codec: EncryptingCodec, *, encrypts: bool) -> DataConverter:
    """Pydantic's converter with the codec. `encrypts`: messages and stack traces of failures are
    put into a payload, too.
    """
    failures = DefaultFailureConverterWithEncodedAttributes if encrypts else DefaultFailureConverter
    return dataclasses.replace(pydantic_data_converter, payload_codec=codec, failure_converter_class=failures)
