"""Proofs of who acts: an HMAC over names, target, operation and content, joined so that nothing
collides.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from pydantic import BaseModel

from schemas.security.acting import Door, Origin, Proof


@dataclass(frozen=True)
class ActKeys:
    """The keys that prove acts: the present one signs, all of them verify."""

    present: str
    """Its id."""
    keys: Mapping[str, bytes] = field(repr=False)


def content_digest(asked: Iterable[object]) -> str:
    """SHA-256 of what was asked, in hex: of models by what differs from their defaults, so that a
    field added by a newer release changes nothing.
    """
    said = [
        each.model_dump(mode="json", exclude_defaults=True) if isinstance(each, BaseModel) else each
        for each in asked
    ]
    canonical = orjson.dumps(said, default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()


def signed(origin: Origin, by: str, keys: ActKeys, now: datetime, nonce: str = "") -> Origin:
    """The origin with a proof. `nonce`: "" = a random one."""
    unsigned = Proof(
        key_id=keys.present, nonce=nonce or secrets.token_hex(16), issued_at=now.isoformat(), mac=""
    )
    mac = _mac(origin, by, unsigned, keys.keys[keys.present])
    return origin.model_copy(update={"proof": unsigned.model_copy(update={"mac": mac})})


def doubt_of(origin: Origin, by: str, target: str, keys: ActKeys | None) -> str:
    """Why the origin does not prove that `by` acted on `target`; empty = it does."""
    proof = origin.proof
    if proof is None:
        return "no proof came with it"
    if keys is None:
        return "this process has no key to check the proof"
    key = keys.keys.get(proof.key_id)
    if key is None:
        return "its proof is by an unknown key"
    if not hmac.compare_digest(proof.mac, _mac(origin, by, proof, key)):
        return "its proof is not of this name and content"
    return "" if origin.target == target else "its proof is of another target"


def _mac(origin: Origin, by: str, proof: Proof, key: bytes) -> str:
    said = [
        "tidegate act 1",
        proof.key_id,
        proof.nonce,
        proof.issued_at,
        str(origin.door),
        by,
        origin.user,
        origin.host,
        origin.principal if origin.door is Door.TEMPORAL else "",
        origin.target,
        origin.operation,
        origin.content,
    ]
    return hmac.new(key, orjson.dumps(said), hashlib.sha256).hexdigest()
