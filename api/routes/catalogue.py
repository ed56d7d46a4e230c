"""The catalogue: which objects and fields are kept, where, and which are encrypted."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import Parts
from api.openapi import documented
from clients.warehouse.sql import apply as sql
from schemas.catalogue import FieldSpec, FieldType, ObjectSpec, Pii
from schemas.security.access import CallerRole

router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"])


class FieldView(BaseModel):
    """A field."""

    name: str
    column: str
    type: FieldType
    pii: Pii
    """Whatever is not `none` is encrypted wherever Tidegate writes it."""
    required: bool
    references: tuple[str, ...]


class ObjectView(BaseModel):
    """An object and its tables."""

    name: str
    label: str
    key_prefix: str
    history: bool
    """True when its versions are kept."""
    tables: list[str]
    fields: list[FieldView]


class CatalogueView(BaseModel):
    """Every object."""

    objects: list[ObjectView]


@router.get("", summary="Every object and field that is kept", **documented(CallerRole.READER))
async def catalogue(parts: Parts) -> CatalogueView:
    return CatalogueView(objects=[_object(spec) for spec in parts.catalogue.objects.values()])


def _object(spec: ObjectSpec) -> ObjectView:
    return ObjectView(
        name=spec.name,
        label=spec.label,
        key_prefix=spec.key_prefix,
        history=spec.history,
        tables=list(sql.tables_of(spec)),
        fields=[_field(name, spec.columns[name], field) for name, field in spec.fields.items()],
    )


def _field(name: str, column: str, spec: FieldSpec) -> FieldView:
    return FieldView(
        name=name,
        column=column,
        type=spec.type,
        pii=spec.pii,
        required=spec.required,
        references=spec.references,
    )
