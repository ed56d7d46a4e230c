"""Secrets of webhooks, encrypted by a data key that KMS wraps: the store keeps what it cannot
read.
"""

import base64
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clients.storage.purpose_keys import PurposeKeys
from schemas.errors import TerminalError
from transforms.webhook.sign import SECRET_BYTES, secret_text

PURPOSE: Final = "webhooks"
"""Of the ring of keys."""
_NONCE_BYTES: Final = 12
Stored = Sequence[dict[str, Any]]
"""As the table has them: `key`, `sealed` and `until`, the newest first."""


class WebhookSecrets:
    """Makes, seals and opens secrets. Its methods block; threads may share it."""

    def __init__(self, ring: PurposeKeys) -> None:
        self._ring = ring

    def make(self, webhook: str) -> tuple[str, dict[str, Any]]:
        """A new secret: as its receiver gets it, once, and as the table keeps it."""
        key, ring = os.urandom(SECRET_BYTES), self._ring.present()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + AESGCM(ring.key).encrypt(nonce, key, webhook.encode())
        return secret_text(key), {"key": ring.id, "sealed": base64.b64encode(sealed).decode(), "until": None}

    def keys(self, webhook: str, stored: Stored, now: datetime) -> list[bytes]:
        """The keys of the secrets in force, the newest first.

        Raises:
            TerminalError: A secret does not open.
        """
        return [self._opened(webhook, each) for each in stored if is_in_force(each, now)]

    def _opened(self, webhook: str, stored: dict[str, Any]) -> bytes:
        ring = self._ring.key(stored["key"])
        sealed = base64.b64decode(stored["sealed"])
        try:
            if ring is not None:
                return AESGCM(ring).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], webhook.encode())
        except InvalidTag:
            pass
        message = (
            f"The secret of the webhook {webhook} does not open with the key {stored['key']} of webhooks. Restore that key in "
            f"the bucket, or make another secret: `tidegate webhook rotate {webhook} --hours 0`."
        )
        raise TerminalError(message)


def is_in_force(stored: dict[str, Any], now: datetime) -> bool:
    """True while a secret signs."""
    until = stored["until"]
    return until is None or now < datetime.fromisoformat(until)
