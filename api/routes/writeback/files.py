"""Writebacks by reference: a file in the bucket, read in chunks."""

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from api.dependencies import CalledBy, Dependencies, Parts
from api.openapi import documented
from api.problems import invalid
from clients.storage.object_reader import open_object
from clients.writeback.intake_files import FileReading
from schemas.access import CallerRole
from schemas.errors import ObjectMissingError
from schemas.ids import intake_prefix, intake_refusals_key
from schemas.writeback.files import SHOWN_REFUSALS, FileFormat, FileIntake, RowDefaults
from transforms.writeback.parse_rows import RowForm

router = APIRouter(prefix="/v1/writebacks/files", tags=["writebacks"])


class FileSubmission(RowDefaults):
    """A file of writebacks, and what its rows have in common."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"key": "intake/00D000000000001AAA/2026-11-25.csv", "format": "csv", "object": "Case"}
            ]
        },
    )

    key: Annotated[
        str, Field(max_length=1_024, description="Of the object in Tidegate's bucket, under `intake/{org}/`.")
    ]
    format: FileFormat


@router.post(
    "",
    summary="Hand in the writebacks of a file in the bucket",
    description="Columns are `external_id`, `key` (left out, it is derived from the file's key and the row's number) and fields. "
    "The answer comes when the file is read; a file that is handed in again, after a lost answer or a correction, does nothing "
    "twice. Refused rows beyond the first hundred are in a file of the bucket, too.",
    **documented(CallerRole.WRITER),
)
async def submit_file(body: FileSubmission, parts: Parts, caller: CalledBy) -> FileIntake:
    prefix = intake_prefix(parts.org)
    if not body.key.startswith(prefix):
        raise invalid("body.key", f"put the file under {prefix}; nothing else of the bucket is read")
    parts.catalogue.object(body.object)
    result, objects = await asyncio.to_thread(_read, parts, body, caller.name)
    await parts.queues.wake_all(objects)
    return result


def _read(parts: Dependencies, body: FileSubmission, caller: str) -> tuple[FileIntake, set[str]]:
    """The outcome of a file, and the objects with something to send."""
    defaults = RowDefaults(**body.model_dump(include=set(RowDefaults.model_fields)))
    form = RowForm(parts.catalogue, body.format, defaults, body.key)
    reading = FileReading(form, partial(parts.intake.submit, caller))
    try:
        with open_object(parts.store, body.key) as stream:
            reading.read(stream, body.format)
    except ObjectMissingError:
        raise invalid("body.key", "the bucket has no such object; put it there first", "no-file") from None
    if len(reading.refusals) <= SHOWN_REFUSALS:
        return reading.result(), reading.objects
    where = intake_refusals_key(parts.org, body.key)
    lines = b"".join(each.model_dump_json().encode() + b"\n" for each in reading.refusals)
    parts.store.put(where, lines)
    return reading.result(where), reading.objects
