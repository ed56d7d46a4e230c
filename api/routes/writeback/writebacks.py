"""Writebacks: hand in changes that Salesforce is to have, and see what became of them."""

import asyncio
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from api.dependencies import CalledBy, Dependencies, ParentSpan, Parts
from api.openapi import documented
from api.problems import FieldProblem, ProblemError, not_found
from api.routes.writeback.preview import dry_run_of
from clients.writeback.queries import Row, WritebackFilter
from schemas.ids import trace_id_of, writeback_batch_id
from schemas.security.access import Caller, CallerRole
from schemas.writeback.messages import (
    MOST_OF_A_REQUEST,
    Intake,
    Mode,
    RefusedWriteback,
    WritebackRequest,
    WritebackState,
)
from schemas.writeback.preview import Preview
from workers.value_readings import READ_WRITEBACK, on_record

router = APIRouter(prefix="/v1/writebacks", tags=["writebacks"])
Part = Annotated[str | None, Field(max_length=255, description="Only those; left out: any.")]
_SAID = 3
"""Refusals that the detail of a problem says; `errors` has all of them."""


class Submission(BaseModel):
    """Writebacks to accept. Each is looked at by itself: what is wrong with one concerns no
    other.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "writebacks": [
                        {
                            "object": "Case",
                            "external_id": "C-2026-0815",
                            "key": "billing-2026-11-25-0815",
                            "fields": {"Status": "Decided", "Account": {"ExternalId__c": "A-17"}},
                        }
                    ]
                }
            ]
        },
    )

    writebacks: Annotated[list[SkipValidation[WritebackRequest]], Field(min_length=1)]


class WritebackListed(BaseModel):
    """Where a writeback stands."""

    number: int
    caller: str
    key: str
    object: str
    key_field: str
    external_id: str
    """`encrypted` where the field is protected."""
    state: WritebackState
    attempts: int
    batch: str | None
    code: str | None
    """Of the last problem: Salesforce's, or Tidegate's in lower case."""
    reason: str | None
    record_id: str | None
    created: bool | None
    deadline: datetime
    accepted_at: datetime
    sent_at: datetime | None
    done_at: datetime | None
    echoed_at: datetime | None
    trace_id: str | None
    """Trace of the batch; null before it is in one."""


class Attempt(BaseModel):
    """One time that it was sent."""

    attempt: int
    batch: str
    outcome: str
    code: str | None
    reason: str | None
    words: str | None
    """As of the writeback."""
    looked_up: bool
    """True when the outcome was not in an answer, but found in the org afterwards."""
    sent_at: datetime | None
    known_at: datetime


class WritebackView(WritebackListed):
    """All that is known of a writeback. Personal values are tokens."""

    fields: dict[str, Any]
    words: str | None
    """Salesforce's own words about the last problem, for operators; null for others, who have
    `code` and `reason`.
    """
    only_if: dict[str, Any] | None
    unchanged_since: datetime | None
    priority: int
    may_create: bool
    mode: Mode
    parents: list[str]
    """Records that Salesforce locks while the writeback is written."""
    not_before: datetime
    tried: list[Attempt]


class WritebackQuery(BaseModel):
    """Which writebacks are listed."""

    object: Part = None
    state: Annotated[WritebackState | None, Field(description="Only those.")] = None
    caller: Annotated[str | None, Field(max_length=255)] = None
    key: Part = None
    batch: Part = None
    before: Annotated[int | None, Field(ge=1, le=2**63 - 1, description="Only smaller numbers.")] = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100


class WritebackPage(BaseModel):
    """Writebacks, the newest first."""

    writebacks: list[WritebackListed]


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    summary="Hand in writebacks",
    description=f"1 to {MOST_OF_A_REQUEST:,}. What is accepted is durable, and is in Salesforce within five minutes, or by its "
    "deadline. The same key with the same content is the same writeback forever, so without an answer send the same again. "
    "When none can be accepted the answer is 422, with every one of them in `errors`.",
    **documented(
        CallerRole.WRITER,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.TOO_MANY_REQUESTS,
        answers={HTTPStatus.OK: (Preview, "With `dry_run`: what they would do; nothing was accepted.")},
    ),
)
async def submit(
    body: Submission,
    parts: Parts,
    caller: CalledBy,
    theirs: ParentSpan,
    response: Response,
    *,
    dry_run: Annotated[
        bool,
        Query(
            description="True: nothing is accepted; the answer (200) says what they would do to the records as they are now. "
            "A writer does not see their values."
        ),
    ] = False,
) -> Intake | Preview:
    items: list[Any] = list(body.writebacks)
    if len(items) > MOST_OF_A_REQUEST:
        detail = (
            f"There are {len(items):,} writebacks, and a request may have {MOST_OF_A_REQUEST:,}. Send them in parts, or put them "
            "into a file: POST /v1/writebacks/files."
        )
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-many", detail)
    if dry_run:
        response.status_code = HTTPStatus.OK
        return await dry_run_of(parts, items, caller.scope, shows_values=_sees_all(caller))
    trace = None if theirs is None else theirs.traceparent
    intake = await asyncio.to_thread(
        parts.intake.submit, caller.name, items, scope=caller.scope, traceparent=trace
    )
    if not intake.accepted:
        raise _all_refused(intake.refused)
    new = {each.index for each in intake.accepted if each.is_new}
    await parts.queues.wake_all(items[index]["object"] for index in new)
    return intake


def _all_refused(refused: tuple[RefusedWriteback, ...]) -> ProblemError:
    errors = [
        FieldProblem(
            field=".".join(filter(None, ("body.writebacks", str(each.index), each.field))),
            message=each.message,
        )
        for each in refused
    ]
    listed = " ".join(f"{each.field}: {each.message}" for each in errors[:_SAID])
    more = f" And {len(errors) - _SAID:,} more." if len(errors) > _SAID else ""
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "writebacks-refused",
        f"None of the writebacks was accepted. {listed}{more} Correct them and send them again.",
        errors=errors,
    )


@router.get(
    "",
    summary="List writebacks, the newest first",
    description="A writer sees its own. For older ones ask again with the last one's `number` as `before`.",
    **documented(CallerRole.READER, also=(CallerRole.WRITER,)),
)
async def listed(
    parts: Parts,
    caller: CalledBy,
    query: Annotated[WritebackQuery, Query()],
) -> WritebackPage:
    whose = query.caller if _sees_all(caller) else caller.name
    chosen = WritebackFilter(
        object=query.object, state=query.state, caller=whose, key=query.key, batch=query.batch
    )
    rows = await asyncio.to_thread(parts.looks.page, chosen, query.limit, before=query.before)
    return WritebackPage(
        writebacks=[
            WritebackListed(**_columns(row, WritebackListed), trace_id=_trace_of(parts, row)) for row in rows
        ]
    )


@router.get(
    "/{number}",
    summary="A writeback and every attempt to send it",
    description="Its values are read by this. For others than its caller that is an act in the audit log.",
    **documented(CallerRole.READER, HTTPStatus.NOT_FOUND, also=(CallerRole.WRITER,)),
)
async def view(
    number: Annotated[int, Path(ge=1, le=2**63 - 1)], parts: Parts, caller: CalledBy
) -> WritebackView:
    row = await asyncio.to_thread(parts.looks.one, number)
    if row is None or not (_sees_all(caller) or row["caller"] == caller.name):
        raise not_found("writeback", "/v1/writebacks")
    if row["caller"] != caller.name:
        await asyncio.to_thread(_record_reading, parts, caller, row)
    attempts = await asyncio.to_thread(parts.looks.attempts, number)
    shown = [{**each, "words": await _words(parts, each, caller)} for each in (row, *attempts)]
    tried = [Attempt(**_columns(each, Attempt)) for each in shown[1:]]
    return WritebackView(**_columns(shown[0], WritebackView), tried=tried, trace_id=_trace_of(parts, row))


def _record_reading(parts: Dependencies, caller: Caller, row: Row) -> None:
    """Put on record that somebody else than its caller sees a writeback's values."""
    target = f"writeback/{parts.org}/{row['object']}/{row['number']}"
    on_record(parts.audit, READ_WRITEBACK, target, caller.name, "by GET /v1/writebacks", lambda: None)


async def _words(parts: Dependencies, row: Row, caller: Caller) -> str | None:
    """They may quote values, so that they are shown to those who may see values."""
    if not row["words"] or not caller.role.includes(CallerRole.OPERATOR):
        return None
    return await asyncio.to_thread(parts.words.reveal, row["words"])


def _trace_of(parts: Dependencies, row: Row) -> str | None:
    batch = row["batch"]
    return trace_id_of(writeback_batch_id(parts.org, row["object"], batch)) if batch else None


def _sees_all(caller: Caller) -> bool:
    return caller.role.includes(CallerRole.READER)


def _columns(row: Row, model: type[BaseModel]) -> dict[str, Any]:
    return {name: row[name] for name in model.model_fields if name in row}
