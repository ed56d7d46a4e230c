"""Records by external id, by parent, by indexed fields, and by lists of ids."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import CalledBy, Parts
from api.openapi import documented
from api.problems import invalid, not_found
from api.routes.records.access import READS, Ask, Asking, Decrypt
from api.routes.records.answers import ObjectName, answer, id_of, shown_records
from api.routes.records.models import Batch, FreshRecord, Page
from clients.warehouse.postgres_indexes import indexed_fields
from clients.warehouse.records.reader import RecordRow
from schemas.catalogue import IDS, ObjectSpec
from schemas.security.access import CallerRole
from schemas.tables import Kind, field_column

router = APIRouter(prefix="/v1/records", tags=["records"])
MOST_IDS = 1_000
_MOST_CONDITIONS = 5
_Field = Annotated[str, Path(max_length=80, description="An external id of the object.")]


class WantedRecords(BaseModel):
    """Which records, and what of them."""

    ids: list[Annotated[str, Field(max_length=18)]] = Field(min_length=1, max_length=MOST_IDS)
    """Of 15 or 18 characters."""
    decrypt: Decrypt = ""


class Pick(BaseModel):
    """The protected fields that are shown."""

    decrypt: Decrypt = ""


class Conditions(Pick):
    """Which records, and how many at once."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    where: list[Annotated[str, Field(max_length=400)]] = Field(default=[], max_length=_MOST_CONDITIONS)
    """FIELD:VALUE; several must all hold."""
    after: str = Field(default="", max_length=18)
    """`next` of the page before."""
    limit: int = Field(default=100, ge=1, le=1_000)
    deleted: bool = False
    """True: deleted records, too."""


@router.get(
    "/{object}/by/{field}/{value:path}",
    summary="One record by its external id",
    description="Deleted records are not looked for. By a protected field only for callers whose scope has it.",
    response_model=FreshRecord,
    **documented(CallerRole.READER, *READS, not_modified=True),
)
async def by_external_id(
    ask: Asking,
    object: ObjectName,  # noqa: A002 -- the word of the path
    field: _Field,
    value: Annotated[str, Path(max_length=255)],
    asked: Annotated[Pick, Query()],
) -> Response:
    spec = ask.spec(object)
    names = ask.decrypted(spec, asked.decrypt)
    if field not in spec.fields or not spec.fields[field].external_id:
        raise invalid("path.field", f"it is no external id of {spec.name}: {_listed(_external_ids(spec))}")
    chosen = {spec.columns[field]: await _wanted(ask, spec, field, value)}
    fresh, rows = await ask.reader.page(spec, chosen, after="", count=1)
    if fresh is None or not rows:
        raise not_found("record", f"/v1/records/{spec.name}")
    shown = await ask.shown(spec, names, [rows[0].record_id])
    return answer(shown.record(rows[0]), fresh, ask.if_none_match)


@router.get(
    "/{object}",
    summary="Records by parent, by external id, or all of them, a page at a time",
    description="In the order of their ids; `next` goes on after the last one. Only indexed fields can be asked for: references to "
    "objects of the catalogue, external ids and unique fields.",
    response_model=Page,
    **documented(CallerRole.READER, *READS, not_modified=True),
)
async def page(
    ask: Asking,
    object: ObjectName,  # noqa: A002
    asked: Annotated[Conditions, Query()],
) -> Response:
    spec = ask.spec(object)
    names, limit = ask.decrypted(spec, asked.decrypt), asked.limit
    chosen = await _conditions(ask, spec, asked.where)
    start = id_of(asked.after, "query.after") if asked.after else ""
    fresh, rows = await ask.reader.page(spec, chosen, after=start, count=limit + 1, deleted=asked.deleted)
    told = await _told(ask, spec, names, rows[:limit])
    more = rows[limit - 1].record_id if len(rows) > limit else None
    return answer(
        {"records": told, "next": more}, fresh or await ask.reader.freshness(spec), ask.if_none_match
    )


@router.post(
    "/{object}/batch",
    summary="Up to 1,000 records by their ids",
    response_model=Batch,
    **documented(CallerRole.READER, *READS),
)
async def batch(parts: Parts, caller: CalledBy, object: ObjectName, wanted: WantedRecords) -> Response:  # noqa: A002
    ask = Ask(parts, caller)
    spec = ask.spec(object)
    names = ask.decrypted(spec, wanted.decrypt, "body.decrypt")
    ids = sorted({id_of(each, f"body.ids.{place}") for place, each in enumerate(wanted.ids)})
    fresh, rows = await ask.reader.records(spec, ids)
    there = {row.record_id for row in rows}
    shown = {
        "records": await _told(ask, spec, names, rows),
        "missing": [each for each in ids if each not in there],
    }
    return answer(shown, fresh or await ask.reader.freshness(spec), None)


async def _told(
    ask: Ask, spec: ObjectSpec, names: tuple[str, ...], rows: list[RecordRow]
) -> list[dict[str, Any]]:
    shown = await ask.shown(spec, names, [row.record_id for row in rows])
    return await shown_records(shown, rows)


async def _conditions(ask: Ask, spec: ObjectSpec, where: list[str]) -> dict[str, Any]:
    """Column -> the value that it must have."""
    indexed = indexed_fields(spec, ask.parts.catalogue)
    found: dict[str, Any] = {}
    for place, each in enumerate(where):
        name, colon, value = each.partition(":")
        if not colon or name not in indexed:
            raise invalid(
                f"query.where.{place}", f"it takes FIELD:VALUE of an indexed field: {_listed(indexed)}"
            )
        found[spec.columns[name]] = await _wanted(ask, spec, name, value, f"query.where.{place}")
    return found


async def _wanted(ask: Ask, spec: ObjectSpec, name: str, value: str, where: str = "path.value") -> Any:
    """The value as the field's column has it; of a protected field its token."""
    field = spec.fields[name]
    if field.is_protected:
        ask.may_open(spec, [name])
        await _look_on_record(ask, spec, name)
        token = await asyncio.to_thread(ask.parts.opened.token_of, spec, name, value)
        if token is None:
            raise invalid(
                where, f"{spec.name}.{name} is bound to its record: no value of it can be looked for"
            )
        return token
    if field.type in IDS:
        return id_of(value, where)
    return _typed(field_column(spec.columns[name], field).kind, value, where)


async def _look_on_record(ask: Ask, spec: ObjectSpec, name: str) -> None:
    target = f"record/{ask.parts.org}/{spec.name}"
    await ask.parts.opened.record(ask.caller.name, target, [name], "looked for by its value")


def _typed(kind: Kind, value: str, where: str) -> Any:
    try:
        return _READ[kind](value)
    except (ValueError, ArithmeticError, KeyError):
        raise invalid(where, f"it is no value of the field, which holds: {kind}") from None


def _text(value: str) -> str:
    if "\x00" in value:
        raise ValueError
    return value


def _number(value: str) -> int | Decimal:
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError
    # An index of whole numbers is used for whole numbers alone.
    return int(number) if number == number.to_integral_value() else number


_READ: dict[Kind, Callable[[str], Any]] = {
    Kind.TEXT: _text,
    Kind.BOOLEAN: {"true": True, "false": False}.__getitem__,
    Kind.INTEGER: _number,
    Kind.DECIMAL: Decimal,
    Kind.DOUBLE: float,
    Kind.DATE: date.fromisoformat,
    Kind.TIMESTAMP: datetime.fromisoformat,
}


def _external_ids(spec: ObjectSpec) -> tuple[str, ...]:
    return tuple(name for name, field in spec.fields.items() if field.external_id)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "there is none"
