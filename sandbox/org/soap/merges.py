"""Merges by SOAP: up to 200 requests in a call, each a transaction of its own (SOAP API Developer
Guide, "merge()", "MergeResult").
"""

from xml.etree import ElementTree

from sandbox.org.errors import SalesforceError
from sandbox.org.soap.call import Results, SoapCall
from sandbox.org.soap.errors import SoapError
from sandbox.org.soap.writes import error_pairs, sobject
from sandbox.org.soap.xml import Pairs, child, element, local, texts
from sandbox.org.state.merges import Merge, Merger
from schemas.salesforce.limits import COLLECTION_MAX_ROWS


async def merge(call: SoapCall) -> Results:
    """Merges records into another one of their object (SOAP API Developer Guide, "merge()")."""
    requests = [each for each in call.request.body if local(each) == "request"]
    if len(requests) > COLLECTION_MAX_ROWS:
        message = f"record limit reached. cannot submit more than {COLLECTION_MAX_ROWS} requests"
        raise SoapError("EXCEEDED_ID_LIMIT", message)
    return [element("result", _merged(call, each)) for each in requests]


def _merged(call: SoapCall, request: ElementTree.Element) -> Pairs:
    winner = child(request, "masterRecord")
    if winner is None:
        raise SoapError("MISSING_ARGUMENT", "masterRecord not specified in a merge request")
    name, fields, record_id = sobject(winner)
    losers = texts(request, "recordToMergeIds")
    try:
        entity = call.service.dml.writable(name)
        checked = call.service.dml.checked(entity, fields)
        with call.org.transaction(call.session().user_id, call.origin) as tx:
            merged = Merger(call.org, tx).merge(Merge(entity.name, record_id, losers, checked))
    except SalesforceError as error:
        return [("errors", error_pairs(error)), ("id", None), ("success", False)]
    return [
        ("id", merged.winner),
        *(("mergedRecordIds", each) for each in merged.losers),
        ("success", True),
        *(("updatedRelatedIds", each) for each in merged.moved),
    ]
