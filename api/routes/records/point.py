"""One record by its id: now, as it was, and its versions."""

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, NoReturn

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.openapi import documented
from api.problems import ProblemError, not_found
from api.routes.records.access import READS, Ask, Asking, Decrypt
from api.routes.records.answers import ObjectName, RecordId, answer, id_of, shown_records
from api.routes.records.models import FreshRecord, Versions
from api.routes.records.plain_reads import plain_reads
from clients.warehouse.records.reader import Fresh, RecordRow
from clients.warehouse.records.times import Archived, RecordTimes
from schemas.catalogue import ObjectSpec
from schemas.security.access import CallerRole
from transforms.pii.token_forms import TokenForms

router = APIRouter(prefix="/v1/records", tags=["records"])


class AtTimes(BaseModel):
    """The times of a read, and the protected fields that it shows."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    as_of: AwareDatetime | None = None
    """The state that was valid in Salesforce then. Left out: as of `known_at`, or now."""
    known_at: AwareDatetime | None = None
    """By the changes that were applied to the warehouse until then. Left out: by all. The answer is
    final once `freshness.applied_at` is later.
    """
    decrypt: Decrypt = ""


_NOW = AtTimes()


class SomeVersions(BaseModel):
    """Which versions, and the protected fields that are shown."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    known_at: AwareDatetime | None = None
    """By the changes that were applied to the warehouse until then. Left out: by all."""
    before: int | None = Field(default=None, ge=1)
    """Versions with a smaller number."""
    limit: int = Field(default=100, ge=1, le=1_000)
    decrypt: Decrypt = ""


async def record(
    ask: Asking,
    object: ObjectName,  # noqa: A002 -- the word of the path
    id: RecordId,  # noqa: A002
    asked: Annotated[AtTimes, Query()],
) -> Response:
    spec = ask.spec(object)
    names, record_id = ask.decrypted(spec, asked.decrypt), id_of(id)
    fresh, row = await _found(ask, spec, record_id, asked)
    shown = await ask.shown(spec, names, [record_id])
    return answer(shown.record(row), fresh, ask.if_none_match)


async def _as_it_is(ask: Ask, name: str, record_id: str) -> Response:
    return await record(ask, name, record_id, _NOW)


router.add_api_route(
    "/{object}/{id}",
    record,
    methods=["GET"],
    route_class_override=plain_reads(_as_it_is),
    summary="One record, now or as it was",
    description="A deleted record is shown, and marked. `ETag` changes with the record and with what of it is shown; "
    "the freshness is also in the headers `Tidegate-Commit` and `Tidegate-Applied-At`, which a 304 has, too.",
    response_model=FreshRecord,
    **documented(CallerRole.READER, *READS, HTTPStatus.GONE, not_modified=True),
)


@router.get(
    "/{object}/{id}/history",
    summary="The versions of a record, the newest first",
    response_model=Versions,
    **documented(CallerRole.READER, *READS, HTTPStatus.GONE, not_modified=True),
)
async def history(
    ask: Asking,
    object: ObjectName,  # noqa: A002
    id: RecordId,  # noqa: A002
    asked: Annotated[SomeVersions, Query()],
) -> Response:
    spec = ask.spec(object)
    names, record_id, limit = ask.decrypted(spec, asked.decrypt), id_of(id), asked.limit
    fresh, rows = await RecordTimes(ask.reader.sessions).versions(
        spec, record_id, before=asked.before, count=limit + 1, known_at=asked.known_at
    )
    if isinstance(rows, Archived):
        _archived(rows, spec)
    if not rows:
        raise not_found("version of the record", f"/v1/records/{spec.name}")
    shown = await ask.shown(spec, names, [record_id])
    more = rows[limit - 1].version if len(rows) > limit else None
    told = {"versions": await shown_records(shown, rows[:limit]), "next": more}
    return answer(told, fresh, ask.if_none_match)


async def _found(ask: Ask, spec: ObjectSpec, record_id: str, asked: AtTimes) -> tuple[Fresh, RecordRow]:
    if asked.as_of is None and asked.known_at is None:
        found = await ask.reader.record(spec, record_id)
        if found is None:
            raise not_found("record", f"/v1/records/{spec.name}")
        return found
    valid = asked.as_of or asked.known_at or datetime.now(UTC)
    fresh, row = await RecordTimes(ask.reader.sessions).record_at(
        spec, record_id, as_of=valid, known_at=asked.known_at, sealed=await _texts(ask, spec, asked)
    )
    if isinstance(row, Archived):
        _archived(row, spec)
    if row is None:
        raise not_found("record at that time", f"/v1/records/{spec.name}/{record_id}/history")
    return fresh, row


async def _texts(ask: Ask, spec: ObjectSpec, asked: AtTimes) -> TokenForms | None:
    """Opens encrypted texts that came as diffs, where they are to be shown."""
    if not asked.decrypt:
        return None
    await ask.parts.opened.ready()
    return await asyncio.to_thread(ask.parts.opened.texts, spec)


def _archived(found: Archived, spec: ObjectSpec) -> NoReturn:
    detail = (
        f"The changes of {spec.name} before {found.until:%Y-%m-%d} have left the warehouse for the archive. Ask for a later time, "
        "or have an operator read them with `tidegate trace RECORD_ID`."
    )
    raise ProblemError(HTTPStatus.GONE, "archived", detail)
