"""Records written by SOAP: up to 200 in a call, each with a result of its own (SOAP API Developer
Guide, "create()", "SaveResult").
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

from sandbox.org.errors import SalesforceError, of_row
from sandbox.org.soap.call import Results, SoapCall
from sandbox.org.soap.errors import SoapError
from sandbox.org.soap.xml import NIL, XSI_TYPE, Pairs, child, element, local, text, texts
from sandbox.org.state.dml import Outcome, Verb, Write
from schemas.salesforce.limits import COLLECTION_MAX_ROWS

_CUT_KINDS = frozenset(
    {"email", "encryptedstring", "multipicklist", "phone", "picklist", "string", "textarea"}
)
"""Types whose texts may be cut."""
_RESERVED = frozenset({"type", "fieldsToNull"})


async def create(call: SoapCall) -> Results:
    """Makes records (SOAP API Developer Guide, "create()")."""
    return await _written(
        call, [Write("insert", *sobject(each)[:2]) for each in _records(call)], _save_result
    )


async def update(call: SoapCall) -> Results:
    """Changes records by id; an account's new owner takes over what the OwnerChangeOptions say
    (SOAP API Developer Guide, "update()").
    """
    rows, options = [], owner_options(call)
    for each in _records(call):
        name, fields, record_id = sobject(each)
        if not record_id:
            raise SoapError("MISSING_ARGUMENT", "Id not specified in an update call")
        rows.append(Write("update", name, fields, record_id, owner_options=options))
    return await _written(call, rows, _save_result)


def owner_options(call: SoapCall) -> list[str]:
    """The owner change options that are to be carried out (SOAP API Developer Guide,
    "OwnerChangeOptions").
    """
    header = child(call.request.header, "OwnerChangeOptions")
    given = [each for each in (() if header is None else header) if local(each) == "options"]
    return [text(each, "type") for each in given if text(each, "execute").lower() in ("true", "1")]


async def upsert(call: SoapCall) -> Results:
    """Makes or changes records by an external id or by Id (SOAP API Developer Guide,
    "upsert()").
    """
    key = text(call.request.body, "externalIDFieldName") or "Id"
    rows = []
    for each in _records(call):
        name, fields, record_id = sobject(each)
        found = call.service.dml.entity(name).by_lower_name.get(key.lower())
        if found is None or not (found.kind == "id" or (found.spec is not None and found.spec.external_id)):
            raise SoapError("INVALID_FIELD", f"Field name provided, {key} is not an External ID for {name}")
        own = {"Id": record_id} if record_id else {}
        rows.append(Write("upsert", name, {**fields, **own}, key=found.name))
    return await _written(call, rows, _upsert_result)


async def delete(call: SoapCall) -> Results:
    """Moves records to the recycle bin (SOAP API Developer Guide, "delete()")."""
    return await _by_ids(call, "delete")


async def undelete(call: SoapCall) -> Results:
    """Brings records back from the recycle bin (SOAP API Developer Guide, "undelete()")."""
    return await _by_ids(call, "undelete")


async def empty_recycle_bin(call: SoapCall) -> Results:
    """Forgets records that are in the recycle bin (SOAP API Developer Guide,
    "emptyRecycleBin()").
    """
    return await _by_ids(call, "hardDelete")


async def _by_ids(call: SoapCall, verb: Verb) -> Results:
    by_prefix = {entity.key_prefix: entity for entity in call.service.entities}
    rows: list[Write | Outcome] = []
    # `id` is not in the WSDL; beatbox and its descendants send it all the same.
    for record_id in texts(call.request.body, "ids") or texts(call.request.body, "id"):
        entity = by_prefix.get(record_id[:3])
        if entity is None:
            error = SalesforceError("MALFORMED_ID", f"bad id {record_id}")
            rows.append(Outcome(record_id, error=error))
        elif verb == "hardDelete" and call.service.dml.is_deleted(entity, record_id) is False:
            error = SalesforceError("INVALID_ID_FIELD", "entity is not in the recycle bin")
            rows.append(Outcome(record_id, error=error))
        else:
            rows.append(Write(verb, entity.name, {}, record_id))
    return await _written(call, rows, _save_result)


async def _written(
    call: SoapCall, rows: Sequence[Write | Outcome], result: Callable[[Outcome], Pairs]
) -> Results:
    """Write the rows, but for those whose outcome is known already."""
    if len(rows) > COLLECTION_MAX_ROWS:
        message = (
            f"record limit reached. cannot submit more than {COLLECTION_MAX_ROWS} records into this call"
        )
        raise SoapError("EXCEEDED_ID_LIMIT", message)
    all_or_none = call.request.flag("AllOrNoneHeader", "allOrNone")
    outcomes = iter(
        await call.service.dml.apply(
            [_cut(call, row) for row in rows if isinstance(row, Write)],
            user=call.session().user_id,
            origin=call.origin,
            all_or_none=all_or_none,
        )
    )
    found = (row if isinstance(row, Outcome) else next(outcomes) for row in rows)
    return [element("result", result(outcome)) for outcome in found]


def _cut(call: SoapCall, row: Write) -> Write:
    """The row, its texts cut to the lengths of their fields if the caller allows that (SOAP API
    Developer Guide, "AllowFieldTruncationHeader").
    """
    entity = call.service.entities.find(row.object_name)
    if entity is None or not call.request.flag("AllowFieldTruncationHeader", "allowFieldTruncation"):
        return row
    known = {name: entity.by_lower_name.get(name.lower()) for name in row.fields}
    lengths = {
        name: field.length for name, field in known.items() if field is not None and field.kind in _CUT_KINDS
    }
    fields = {
        name: value[: lengths[name]] if lengths.get(name) and isinstance(value, str) else value
        for name, value in row.fields.items()
    }
    return replace(row, fields=fields)


def _save_result(outcome: Outcome) -> Pairs:
    if outcome.error is None:
        return [("id", outcome.record_id), ("success", True)]
    return [("errors", error_pairs(outcome.error)), ("id", None), ("success", False)]


def _upsert_result(outcome: Outcome) -> Pairs:
    return [("created", outcome.created), *_save_result(outcome)]


def error_pairs(error: SalesforceError) -> Pairs:
    """A row's error as elements."""
    told = of_row(error)
    fields = (("fields", name) for name in told.fields)
    return [*fields, ("message", told.message), ("statusCode", told.code)]


def _records(call: SoapCall) -> list[ElementTree.Element]:
    return [each for each in call.request.body if local(each) == "sObjects"]


def sobject(given: ElementTree.Element) -> tuple[str, dict[str, Any], str]:
    """Object, fields and Id of an sObject. What is empty or nil changes nothing; `fieldsToNull`
    names what is to be emptied (SOAP API Developer Guide, "Null Values").
    """
    name = text(given, "type") or given.get(XSI_TYPE, "").rpartition(":")[2]
    if not name or name == "sObject":
        raise SoapError("INVALID_TYPE", "Must send a concrete entity type")
    fields: dict[str, Any] = {field: None for field in texts(given, "fieldsToNull") if field}
    record_id = ""
    for each in given:
        field = local(each)
        if field in _RESERVED or each.get(NIL) in ("true", "1"):
            continue
        if field.lower() == "id":
            record_id = (each.text or "").strip()
        elif len(each):
            fields[field] = sobject(each)[1] if text(each, "type") or each.get(XSI_TYPE) else _parts(each)
        elif each.text:
            fields[field] = each.text
    return name, fields, record_id


def _parts(given: ElementTree.Element) -> dict[str, str]:
    return {local(each): each.text or "" for each in given}
