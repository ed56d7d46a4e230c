"""Writebacks by reference: a file in the bucket, read in chunks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from api.dependencies import CalledBy, Dependencies, Parts
from api.openapi import documented
from api.problems import COME_AGAIN, ProblemError, invalid
from clients.writeback.intake_files import FileReading
from clients.writeback.rows_apart import rows_apart
from schemas.errors import ObjectMissingError
from schemas.ids import intake_prefix, intake_prefix_of, intake_refusals_key
from schemas.security.access import Caller, CallerRole
from schemas.writeback.files import SHOWN_REFUSALS, FileFormat, FileIntake, RowDefaults
from transforms.writeback.parse_rows import RowForm
from workers.addresses import s3_address

router = APIRouter(prefix="/v1/writebacks/files", tags=["writebacks"])
_TURN_SECONDS = 30.0


class FileSubmission(RowDefaults):
    """A file of writebacks, and what its rows have in common."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"key": "intake/00D000000000001AAA/billing/2026-11-25.csv", "format": "csv", "object": "Case"}
            ]
        },
    )

    key: Annotated[
        str,
        Field(
            max_length=1_024,
            description="Of the object in Tidegate's bucket, under `intake/{org}/{caller}/`.",
        ),
    ]
    format: FileFormat


@router.post(
    "",
    summary="Hand in the writebacks of a file in the bucket",
    description="Columns are `external_id`, `key` (left out, it is derived from the file's key and the row's number) and fields. "
    "The answer comes when the file is read; a file that is handed in again, after a lost answer or a correction, does nothing "
    "twice. Refused rows beyond the first hundred are in a file of the bucket, too.",
    **documented(CallerRole.WRITER, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
)
async def submit_file(body: FileSubmission, parts: Parts, caller: CalledBy) -> FileIntake:
    prefix = _prefix(parts, caller)
    if not body.key.startswith(prefix):
        raise invalid("body.key", f"put the file under {prefix}; nothing else of the bucket is read")
    parts.catalogue.object(body.object)
    async with _turn(parts):
        result, objects = await asyncio.to_thread(_read, parts, body, caller)
    await parts.queues.wake_all(objects)
    return result


def _prefix(parts: Dependencies, caller: Caller) -> str:
    """Where the caller's files lie. Operators may have any caller's read."""
    if caller.role.includes(CallerRole.OPERATOR):
        return intake_prefix(parts.org)
    return intake_prefix_of(parts.org, caller.name)


@asynccontextmanager
async def _turn(parts: Dependencies) -> AsyncIterator[None]:
    """One of the few files that are read at once."""
    try:
        async with asyncio.timeout(_TURN_SECONDS):
            await parts.files.acquire()
    except TimeoutError:
        detail = "Other files are being read. Send the same request again later."
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, retry_after=COME_AGAIN) from None
    try:
        yield
    finally:
        parts.files.release()


def _read(parts: Dependencies, body: FileSubmission, caller: Caller) -> tuple[FileIntake, set[str]]:
    """The outcome of a file, and the objects with something to send."""
    defaults = RowDefaults(**body.model_dump(include=set(RowDefaults.model_fields)))
    form = RowForm(parts.catalogue, body.format, defaults, body.key)
    reading = FileReading(form, partial(parts.intake.submit, caller.name, scope=caller.scope))
    try:
        reading.take(rows_apart(s3_address(parts.settings.s3), body.key, body.format))
    except ObjectMissingError:
        raise invalid("body.key", "the bucket has no such object; put it there first", "no-file") from None
    if len(reading.refusals) <= SHOWN_REFUSALS:
        return reading.result(), reading.objects
    where = intake_refusals_key(parts.org, body.key)
    lines = b"".join(each.model_dump_json().encode() + b"\n" for each in reading.refusals)
    parts.store.put(where, lines)
    return reading.result(where), reading.objects
