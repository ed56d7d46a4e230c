"""Views for readers without a right to PII: personal values as pseudonyms, sensitive ones left
out.

A token is no value, and still says which records share one, and could be opened by somebody with
the data key. A pseudonym keeps the first and not the second.
"""

from collections.abc import Sequence

from schemas.catalogue import ObjectSpec, Pii
from schemas.tables import quoted
from transforms.model.attributes import Attribute
from transforms.model.dimensions import dimension_attributes

_SPAN = ("record_id", "effective_from", "effective_to", "is_current", "is_deleted")


def masked_view(spec: ObjectSpec) -> str:
    """The name of the view."""
    return f"masked_{spec.table}"


def masked_model(spec: ObjectSpec, attributes: Sequence[Attribute]) -> str:
    """The SQL of the object's masked view."""
    columns = [f"{spec.table}_key", *_SPAN, *(_masked(each) for each in dimension_attributes(attributes))]
    listed = ",\n    ".join(columns)
    return f"{{{{ config(alias='dim_{spec.table}') }}}}\n\nselect\n    {listed}\nfrom {{{{ ref('dim_{spec.table}') }}}}\n"


def _masked(each: Attribute) -> str:
    name = quoted(each.name)
    if each.pii is Pii.SENSITIVE:
        return f"cast(null as {each.sql_type}) as {name}"
    if each.pii is Pii.PERSONAL:
        return f"case when {name} is not null then 'p-' || left(md5({name}), 16) end as {name}"
    return name
