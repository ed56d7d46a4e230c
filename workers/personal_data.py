"""Search the curated tables for personal data that lies in plaintext. Names fields, never
values.
"""

import pyarrow as pa

from clients.warehouse import Warehouse
from clients.warehouse.sql.quality_queries import read_texts
from schemas.catalogue import Catalogue
from schemas.quality_views import PersonalField
from transforms.quality.personal import clear_texts, suspicions


def find_personal_data(
    warehouse: Warehouse, catalogue: Catalogue, *, object_name: str = "", most: int
) -> list[PersonalField]:
    """The clear fields of the `most` records of each object that were applied last, whose values
    look personal. Blocks.

    Raises `UnknownObjectError` for an object that the catalogue lacks; "" = every object.
    """
    specs = [catalogue.object(object_name)] if object_name else list(catalogue.objects.values())
    found = []
    for spec in specs:
        columns = [column for _, column in clear_texts(spec)]
        if not columns:
            continue
        with warehouse.reading() as reading:
            rows = reading.fetch(read_texts(spec, columns, most))
        values = zip(*rows, strict=True) if rows else [()] * len(columns)
        sample = pa.table(
            {name: pa.array(some, pa.large_string()) for name, some in zip(columns, values, strict=True)}
        )
        found += [
            PersonalField(
                object=spec.name, field=each.field, looks=each.looks, found=each.found, sampled=each.sampled
            )
            for each in suspicions(sample, spec)
        ]
    return found
