"""Objects described by SOAP: REST's describe, written as XML."""

from collections.abc import Mapping
from typing import Any

from sandbox.org.rest.describe import describe_entity, describe_event, event_summaries, summary
from sandbox.org.rest.describe_events import event_entity
from sandbox.org.soap.call import Results, SoapCall
from sandbox.org.soap.errors import SoapError
from sandbox.org.soap.xml import Pairs, element, of_mapping, texts
from sandbox.org.state.record_types import RecordTypes
from schemas.salesforce.limits import QUERY_PAGE_MIN

DESCRIBED_MAX = 100
"""Objects of one call (SOAP API Developer Guide, "describeSObjects()")."""
_OF_REST = ("urls", "listviewable", "lookupLayoutable")


async def describe_global(call: SoapCall) -> Results:
    """Lists every object (SOAP API Developer Guide, "describeGlobal()")."""
    tracked = call.org.store.tracked
    found = [summary(entity, call.base, writable=entity.name in tracked) for entity in call.service.entities]
    found = sorted([*found, *event_summaries(call.service, call.base)], key=lambda each: str(each["name"]))
    pairs: list[tuple[str, object]] = [("encoding", "UTF-8"), ("maxBatchSize", QUERY_PAGE_MIN)]
    return [element("result", [*pairs, *(("sobjects", _described_pairs(each)) for each in found)])]


async def describe_sobject(call: SoapCall) -> Results:
    """Describes an object and its fields (SOAP API Developer Guide, "describeSObject()")."""
    return _described(call, texts(call.request.body, "sObjectType"))


async def describe_sobjects(call: SoapCall) -> Results:
    """Describes up to 100 objects (SOAP API Developer Guide, "describeSObjects()")."""
    names = texts(call.request.body, "sObjectType")
    if len(names) > DESCRIBED_MAX:
        raise SoapError("EXCEEDED_ID_LIMIT", f"cannot describe more than {DESCRIBED_MAX} objects in one call")
    return _described(call, names)


def _described_pairs(body: Mapping[str, Any]) -> Pairs:
    """An object as REST describes it, with what SOAP tells beside, in the order of the partner
    WSDL: clients that are generated from it go by the place.
    """
    return of_mapping(dict(sorted({**body, "idEnabled": True}.items())), _OF_REST)


def _pages(call: SoapCall, key_prefix: str) -> dict[str, str]:
    """Where a person would see, change and make a record (SOAP API Developer Guide,
    "DescribeSObjectResult").
    """
    url = call.instance_url
    return {"urlDetail": f"{url}/{{ID}}", "urlEdit": f"{url}/{{ID}}/e", "urlNew": f"{url}/{key_prefix}/e"}


def _described(call: SoapCall, names: list[str]) -> Results:
    found = []
    for name in names:
        if (event := event_entity(call.service, name)) is not None:
            found.append(element("result", _described_pairs(describe_event(event, call.base))))
            continue
        entity = call.service.entities.find(name)
        if entity is None:
            raise SoapError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        writable = entity.name in call.org.store.tracked
        types = RecordTypes(call.org).of(entity.name)
        whole = describe_entity(entity, call.service.entities, call.base, writable=writable, types=types)
        found.append(element("result", _described_pairs(whole | _pages(call, entity.key_prefix))))
    return found
