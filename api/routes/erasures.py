"""Erasures: a person's values out of every store, with a certificate."""

import asyncio
from contextlib import closing
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from api.dependencies import Dependencies, Parts
from api.openapi import documented
from api.problems import not_found
from api.runs.kinds import RunRequest, RunResource
from clients.database.erasures import Erasures
from clients.temporal.run_kinds import ERASURE
from schemas.access import CallerRole
from schemas.erasure.messages import KEY_PATTERN, MOST_RECORDS, ErasureInput
from schemas.message import Message
from schemas.run_names import erasure_name


class ErasureRequest(RunRequest):
    """The records whose values are to go, and why."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"records": ["003000000000001AAA"], "reason": "request 2026-117"}]}
    )

    window: str | None = Field(
        default=None,
        pattern=KEY_PATTERN,
        description="Names the erasure: the same name is the same erasure. Left out, it is derived from the records.",
    )
    records: tuple[str, ...] = Field(
        min_length=1, max_length=MOST_RECORDS, description="Record ids, 15 or 18 characters each."
    )
    with_related: bool = Field(default=False, description="Also the records that point to them.")
    dry_run: bool = Field(default=False, description="Count the places in each store, and erase nothing.")
    reason: str = Field(
        min_length=1,
        max_length=1_000,
        description="Goes on record and into the certificate. No personal data.",
        examples=["request 2026-117"],
    )

    def derived_window(self) -> str:
        """As the command names it: `ids-1f8ac10f23c5`."""
        return erasure_name(self.records, with_related=self.with_related, is_dry=self.dry_run)

    async def as_input(self, parts: Dependencies, *, window: str, by: str) -> ErasureInput:
        """The erasure; raises pydantic's `ValidationError` for what is no record id."""
        return ErasureInput(
            org=parts.org,
            key=window,
            records=self.records,
            with_related=self.with_related,
            is_dry=self.dry_run,
            grace=parts.settings.erasure.grace,
            by=by,
            reason=self.reason,
        )


RESOURCE = RunResource(
    kind=ERASURE,
    request=ErasureRequest,
    about="Takes the values of records out of every store. Ids, counts and times stay. It cannot be undone.",
    role=CallerRole.ERASER,
)
router = APIRouter(prefix="/v1/certificates", tags=["erasures"])


class Certificate(Message):
    """The places that an erasure took, when and by whom; never a value."""

    name: str
    digest: str
    """SHA-256 of the content, hex; the act `erasure.done` has the same."""
    is_whole: bool
    """False: the content is not what was certified."""
    content: dict[str, Any]


@router.get(
    "/{id}", summary="The certificate of an erasure", **documented(CallerRole.READER, HTTPStatus.NOT_FOUND)
)
async def certificate(id: str, parts: Parts) -> Certificate:  # noqa: A002 -- it is called so in the URL
    """The certificate by the erasure's id."""
    dsn = parts.settings.operational.dsn.get_secret_value()
    with closing(Erasures(dsn)) as erasures:
        found = await asyncio.to_thread(erasures.find, id)
    if found is None:
        raise not_found("certificate", "/v1/erasures")
    return Certificate(
        name=found.name, digest=found.digest, is_whole=found.is_whole, content=dict(found.content)
    )
