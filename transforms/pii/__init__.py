"""PII: the org's data keys, the tokens that they make, and what of an event becomes one."""

from transforms.pii.key_ring import KEY_BYTES, DataKey, KeyRing
from transforms.pii.protector import DIFF_KEYS, HEADER, Protector, first_record
from transforms.pii.seals import Seal, seal_of
from transforms.pii.tokens import (
    is_any_token,
    is_comparable_token,
    is_misfit_token,
    is_token,
    key_of,
    longest_token,
    sealed_token,
)

__all__ = [
    "DIFF_KEYS",
    "HEADER",
    "KEY_BYTES",
    "DataKey",
    "KeyRing",
    "Protector",
    "Seal",
    "first_record",
    "is_any_token",
    "is_comparable_token",
    "is_misfit_token",
    "is_token",
    "key_of",
    "longest_token",
    "seal_of",
    "sealed_token",
]
