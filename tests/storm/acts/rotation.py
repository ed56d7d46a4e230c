"""A rotation of the org's data key in the middle of a storm, and KMS, which wraps the keys."""

import base64
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson

from schemas import names
from schemas.security.ids import data_key_key, rotate_keys_workflow_id
from schemas.security.keys import RotateInput
from tests.storm.objects import Objects
from tests.support.builders.tokens import TOKEN
from transforms.pii import KEY_BYTES
from transforms.pii.token_forms import TokenForms

if TYPE_CHECKING:
    from tests.storm.world import World

FIRST_KEY = bytes(range(KEY_BYTES))
_WRAPPED = b"wrapped "


class KmsClient:
    """A boto3 client of KMS, as far as the engine asks it. It hides nothing."""

    def generate_data_key(self, *, NumberOfBytes: int, **_asked: Any) -> dict[str, bytes]:  # noqa: N803
        """A new key."""
        plain = os.urandom(NumberOfBytes)
        return {"Plaintext": plain, "CiphertextBlob": _WRAPPED + plain}

    def decrypt(self, *, CiphertextBlob: bytes, **_asked: Any) -> dict[str, bytes]:  # noqa: N803
        """The key that was wrapped."""
        return {"Plaintext": CiphertextBlob.removeprefix(_WRAPPED)}


def keep_first_key(objects: Objects, org: str) -> None:
    """Put the org's first data key into the bucket."""
    wrapped = base64.b64encode(_WRAPPED + FIRST_KEY).decode()
    body = orjson.dumps({"format": 1, "id": "1", "wrapped": wrapped})
    objects.keep(data_key_key(org, "1"), body)


async def rotate(world: "World", number: int) -> None:
    """Ask for a new key, as `tidegate keys rotate` does."""
    org = world.org.org_id
    asked = RotateInput(org=org, name=f"r-{number}", by="storm", reason="asked")
    await world.ask(names.ROTATE_KEYS_WORKFLOW, asked, rotate_keys_workflow_id(org, asked.name))


def mixed_keys(world: "World") -> Iterator[str]:
    """Tables in which equal values may have two tokens: one that is not under the table's key; and
    tables that a rotation has left under a former one.
    """
    database, guard = world.parts.database, world.guard(world.decided)
    keys = dict(database.rows("SELECT object, key_id FROM ops.token_key"))
    for spec in world.decided.objects.values():
        if spec.name not in keys:
            continue
        if world.rotations and keys[spec.name] != guard.ring.active.id:
            yield f"{spec.table} is under key {keys[spec.name]}, and the newest is {guard.ring.active.id}"
        columns = TokenForms(guard, spec, keys[spec.name]).compared
        for column in columns:
            query = f"SELECT DISTINCT {column} FROM curated.{spec.table}_current WHERE {column} IS NOT NULL"
            for (token,) in database.rows(query):
                if TOKEN.fullmatch(token.encode()) and token.split(".")[1] != keys[spec.name]:
                    yield f"{spec.table}.{column} has a token of key {token.split('.')[1]}, the table is under {keys[spec.name]}"
