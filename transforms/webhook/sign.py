"""Signatures by Standard Webhooks: https://www.standardwebhooks.com, specification 1.0.0.

Signed is `id.timestamp.body`, by HMAC-SHA256. Of two secrets both sign, so that a receiver may
change its own at any time of the overlap.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

SECRET_PREFIX = "whsec_"  # noqa: S105 -- the beginning of every secret
SECRET_BYTES = 32
"""The specification asks for 24 to 64."""


def secret_text(key: bytes) -> str:
    """A secret as people and receivers have it: `whsec_` and the key in base64."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def secret_key(text: str) -> bytes:
    """The key of a secret. Raises `ValueError` for a text that is none."""
    if not text.startswith(SECRET_PREFIX):
        raise ValueError(f"a secret begins with {SECRET_PREFIX}")
    try:
        return base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("the rest of a secret is base64") from error


def signed_headers(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message.

    Args:
        keys: Of the secrets in force, the newest first.
        message_id: The same at every try. It has no full stop, which parts what is signed.
        timestamp: Of this try, in seconds since the epoch.
        body: The bytes that are sent.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }
