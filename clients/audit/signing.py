"""KMS signs an anchor; its public key is enough to check one."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from clients.storage.objects import S3Address, aws_client
from clients.storage.s3_errors import translated_s3
from schemas.errors import SettingsError
from schemas.security.audit import Anchor

ALGORITHM: Final = "ECDSA_SHA_256"
"""https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html"""


@dataclass(frozen=True)
class PublicKey:
    """The public half of a signing key."""

    key: ec.EllipticCurvePublicKey

    def has_signed(self, anchor: Anchor) -> bool:
        """True when the anchor is as the key's holder signed it."""
        try:
            signature = base64.b64decode(anchor.signature, validate=True)
            self.key.verify(signature, signed_digest(anchor), ec.ECDSA(Prehashed(SHA256())))
        except (InvalidSignature, ValueError):
            return False
        return anchor.algorithm == ALGORITHM


class AnchorSigner:
    """A signing key in KMS. Its methods block."""

    def __init__(self, address: S3Address, key_id: str) -> None:
        self._kms: Any = aws_client("kms", address)
        self.key_id = key_id

    def sign(self, anchor: Anchor) -> Anchor:
        """The anchor with its signature."""
        with translated_s3("KMS"):
            answer = self._kms.sign(
                KeyId=self.key_id,
                Message=signed_digest(anchor),
                MessageType="DIGEST",
                SigningAlgorithm=ALGORITHM,
            )
        return anchor.model_copy(update={"signature": base64.b64encode(answer["Signature"]).decode()})

    def public_key(self) -> PublicKey:
        """The key that checks signatures."""
        with translated_s3("KMS"):
            found = self._kms.get_public_key(KeyId=self.key_id)
        return public_key_of(found["PublicKey"])


def public_key_of(der: bytes) -> PublicKey:
    """A public key from its DER form. Raises `SettingsError` for a key of another kind."""
    key = load_der_public_key(der)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise SettingsError(
            "TIDEGATE_AUDIT__SIGNING_KEY_ID is not an elliptic-curve key. Make one: ECC_NIST_P256, SIGN_VERIFY."
        )
    return PublicKey(key)


def signed_digest(anchor: Anchor) -> bytes:
    """SHA-256 of an anchor without its signature."""
    said = anchor.model_dump(mode="json", exclude={"signature"})
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()
