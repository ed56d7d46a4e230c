"""One record by its id."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.dependencies import CalledBy, Parts
from api.openapi import documented
from api.problems import not_found
from api.routes.records.access import READS, readable, reader_of
from api.routes.records.answers import NoneMatch, ObjectName, answer, id_of
from api.routes.records.models import FreshRecord
from api.routes.records.shown import Shown
from schemas.security.access import CallerRole

router = APIRouter(prefix="/v1/records", tags=["records"])


@router.get(
    "/{object}/{id}",
    summary="One record",
    description="A deleted record is shown, and marked. `ETag` changes with the record and with what of it is shown; "
    "the freshness is also in the headers `Tidegate-Commit` and `Tidegate-Applied-At`, which a 304 has, too.",
    response_model=FreshRecord,
    **documented(CallerRole.READER, *READS, not_modified=True),
)
async def record(
    parts: Parts,
    caller: CalledBy,
    object: ObjectName,  # noqa: A002 -- the word of the path
    id: Annotated[str, Path(max_length=18, description="15 or 18 characters.")],  # noqa: A002
    if_none_match: NoneMatch = None,
) -> Response:
    spec = readable(parts, caller, object)
    found = await reader_of(parts).record(spec, id_of(id))
    if found is None:
        raise not_found("record", f"/v1/records/{spec.name}")
    fresh, row = found
    return answer(Shown(spec, {}).record(row), fresh, if_none_match)
