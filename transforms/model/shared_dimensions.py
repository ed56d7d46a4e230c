"""Dimensions that several objects share: users and queues, programs, statuses.

They are made of the values that are there, so a value that nobody declared has its row, too.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from schemas.catalogue import Catalogue, FieldType, ObjectSpec
from schemas.tables import quoted
from transforms.model.attributes import Attribute, attributes_of
from transforms.model.marts import MART_FIELDS

_PROGRAMS = ("Program__c", "GrantProgram__c")
_QUEUES = ("Queue__c",)
STATUSES = {
    "Case": "Status",
    "ServiceRequest__c": "Status__c",
    "Payment__c": "Status__c",
    "Opportunity": "StageName",
}
"""The field that says how far a record is, by object."""
_PEOPLE = frozenset({"User", "Group"})


class _Place(NamedTuple):
    spec: ObjectSpec
    attribute: Attribute


def shared_dimensions(catalogue: Catalogue) -> dict[str, str]:
    """Model name -> SQL."""
    return {
        "dim_user": _users(catalogue),
        "dim_program": _values("program", _places(catalogue, _PROGRAMS)),
        "dim_queue": _values("queue", _places(catalogue, _QUEUES)),
        "dim_status": _statuses(catalogue),
    }


def shared_properties() -> list[dict[str, Any]]:
    """Comments and tests of these dimensions."""
    return [
        _described(
            "user",
            "Users, and queues as owners of records (groups).",
            {"record_id": "Salesforce's id.", "kind": "user, queue or other, by the id's prefix."},
        ),
        _described("program", "Programs that any record names.", {"program": "The value in Salesforce."}),
        _described("queue", "Work queues that cases are in.", {"queue": "The value in Salesforce."}),
        _described(
            "status",
            "Statuses and stages by object, with their meaning.",
            {
                "object_name": "API name of the object.",
                "status": "The value in Salesforce.",
                "stage": "Its meaning (status_meaning.csv); unmapped: nobody has said it.",
                "is_open": "True while work is left.",
                "place": "Place in the usual order; 999 for one that nobody has placed.",
            },
        ),
    ]


def _described(name: str, text: str, columns: dict[str, str]) -> dict[str, Any]:
    key = {"name": f"{name}_key", "description": "Surrogate key.", "data_tests": ["unique", "not_null"]}
    listed = [{"name": column, "description": told} for column, told in columns.items()]
    return {"name": f"dim_{name}", "description": text, "columns": [key, *listed]}


def _attributes(spec: ObjectSpec) -> tuple[Attribute, ...]:
    return tuple(each for each in attributes_of(spec, MART_FIELDS.get(spec.name)) if each.source)


def _places(catalogue: Catalogue, names: Sequence[str]) -> Iterator[_Place]:
    for spec in catalogue.objects.values():
        for each in _attributes(spec):
            if each.field in names and each.pii == "none":
                yield _Place(spec, each)


def _values(kind: str, places: Iterator[_Place]) -> str:
    unions = " union ".join(
        f"select distinct {quoted(each.attribute.name)} as {kind} from {{{{ ref('stg_{each.spec.table}') }}}}"
        for each in places
    )
    seen = f"with seen as (\n    {unions or f'select cast(null as varchar) as {kind}'}\n)\n"
    return f"""{seen}
select {{{{ value_key('{kind}', '{kind}') }}}} as {kind}_key, {kind}
from seen
where {kind} is not null
union all
select {{{{ none_key() }}}}, '(none)'
union all
select {{{{ unknown_key() }}}}, '(unknown)'
"""


def _users(catalogue: Catalogue) -> str:
    unions = [
        f"select {quoted(each.name)} as record_id from {{{{ ref('stg_{spec.table}') }}}}"
        for spec in catalogue.objects.values()
        for each in _attributes(spec)
        if each.spec is not None
        and each.spec.type is FieldType.REFERENCE
        and set(each.spec.references) & _PEOPLE
        and each.pii == "none"
    ]
    unions += [
        f"select commit_user as record_id from {{{{ ref('stg_{spec.table}_change') }}}}"
        for spec in catalogue.objects.values()
    ]
    seen = "\n    union\n    ".join(unions or ["select cast(null as varchar) as record_id"])
    return f"""with seen as (
    {seen}{{{{ and_as_before('record_id', "record_id not in ('(none)', '(unknown)')") }}}}
)

select
    {{{{ value_key('user', 'record_id') }}}} as user_key,
    record_id,
    case left(record_id, 3) when '005' then 'user' when '00G' then 'queue' else 'other' end as kind
from seen
where record_id is not null
union all
select {{{{ none_key() }}}}, '(none)', 'other'
union all
select {{{{ unknown_key() }}}}, '(unknown)', 'other'
"""


def _statuses(catalogue: Catalogue) -> str:
    unions = [
        f"select '{spec.name}' as object_name, {quoted(each.name)} as status from {{{{ ref('stg_{spec.table}_{kind}') }}}}"
        for spec in catalogue.objects.values()
        for each in _attributes(spec)
        if each.field == STATUSES.get(spec.name)
        for kind in ("change", "base")
    ]
    unions.append("select object_name, status from {{ ref('status_meaning') }}")
    seen = "\n    union\n    ".join(unions)
    return f"""with seen as (
    {seen}{{{{ and_as_before('object_name, status', "object_name not in ('(none)', '(unknown)')") }}}}
)

select
    md5('status|' || seen.object_name || '|' || seen.status) as status_key,
    seen.object_name,
    seen.status,
    coalesce(meaning.stage, 'unmapped') as stage,
    coalesce(meaning.is_open, true) as is_open,
    coalesce(meaning.place, 999) as place
from seen
left join {{{{ ref('status_meaning') }}}} as meaning
    on meaning.object_name = seen.object_name and meaning.status = seen.status
where seen.status is not null
union all
select {{{{ none_key() }}}}, '(none)', '(none)', 'unmapped', true, 999
union all
select {{{{ unknown_key() }}}}, '(unknown)', '(unknown)', 'unmapped', true, 999
"""
