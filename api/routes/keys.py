"""Data keys: which there are, whether they open everything, and their rotation, which is a run."""

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Dependencies, Parts
from api.openapi import documented
from api.runs.kinds import RunRequest, RunResource
from clients.temporal.run_kinds import ROTATE_KEYS
from schemas.security.access import CallerRole
from schemas.security.keys import REENCRYPTION, ROTATION, KeyCheck, KeyView, RotateInput
from workers.security.key_looks import KeyLooks

router = APIRouter(prefix="/v1/keys", tags=["keys"])


class Keys(BaseModel):
    """The org's data keys, the oldest first. Nothing of the keys themselves."""

    keys: tuple[KeyView, ...]


@router.get("", summary="The data keys, and the objects under each", **documented(CallerRole.READER))
async def keys(parts: Parts) -> Keys:
    return Keys(keys=await asyncio.to_thread(_looks(parts).keys))


@router.get(
    "/verification",
    summary="Open every key and some of its tokens",
    description="Counts the tokens of every encrypted column: on a large warehouse it takes minutes.",
    **documented(CallerRole.OPERATOR),
)
async def verification(parts: Parts) -> KeyCheck:
    return await asyncio.to_thread(_looks(parts).verify)


def _looks(parts: Dependencies) -> KeyLooks:
    return KeyLooks(parts.settings, parts.store, parts.warehouse, parts.catalogue)


class RotationRequest(RunRequest):
    """A new data key, or only the re-encryption with the present one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "the yearly rotation"}]})

    makes_key: bool = Field(
        default=True,
        description="False: no new key. Tokens of older keys, and of fields whose class was changed, are brought to their "
        "present form.",
    )

    def derived_window(self) -> str:
        """As the command names it: `rotate` or `reencrypt`."""
        return ROTATION if self.makes_key else REENCRYPTION

    async def as_input(self, parts: Dependencies, *, window: str, by: str) -> RotateInput:
        """The question."""
        return RotateInput(org=parts.org, name=window, makes_key=self.makes_key, by=by, reason=self.reason)


RESOURCE = RunResource(
    kind=ROTATE_KEYS,
    request=RotationRequest,
    about="Makes a new data key and re-encrypts the warehouse with it in the background; older keys go on decrypting.",
)
