"""Lead conversion by SOAP: up to 100 leads in a call, each a transaction of its own (SOAP API
Developer Guide, "convertLead()", "LeadConvertResult").
"""

from xml.etree import ElementTree

from sandbox.org.errors import SalesforceError
from sandbox.org.soap.call import Results, SoapCall
from sandbox.org.soap.errors import SoapError
from sandbox.org.soap.writes import error_pairs
from sandbox.org.soap.xml import Pairs, element, local, text
from sandbox.org.state.lead_conversion import LEAD, LeadConvert, LeadConverter

LEADS_MAX = 100
"""Leads of one call (SOAP API Developer Guide, "convertLead()")."""


async def convert_lead(call: SoapCall) -> Results:
    """Converts leads into accounts, contacts and opportunities (SOAP API Developer Guide,
    "convertLead()").
    """
    asked = [each for each in call.request.body if local(each) == "leadConverts"]
    if len(asked) > LEADS_MAX:
        raise SoapError("EXCEEDED_ID_LIMIT", f"cannot convert more than {LEADS_MAX} leads in one call")
    return [element("result", _converted(call, each)) for each in asked]


def _converted(call: SoapCall, given: ElementTree.Element) -> Pairs:
    lead_id = text(given, "leadId")
    try:
        call.service.dml.writable(LEAD)
        with call.org.transaction(call.session().user_id, call.origin) as tx:
            done = LeadConverter(call.org, tx).convert(_request(given, lead_id))
    except SalesforceError as error:
        return [
            ("accountId", None),
            ("contactId", None),
            ("errors", error_pairs(error)),
            ("leadId", lead_id),
            ("opportunityId", None),
            ("success", False),
        ]
    return [
        ("accountId", done.account),
        ("contactId", done.contact),
        ("leadId", done.lead),
        ("opportunityId", done.opportunity),
        ("success", True),
    ]


def _request(given: ElementTree.Element, lead_id: str) -> LeadConvert:
    return LeadConvert(
        lead_id,
        text(given, "convertedStatus"),
        text(given, "accountId") or None,
        text(given, "contactId") or None,
        text(given, "opportunityId") or None,
        text(given, "opportunityName") or None,
        text(given, "ownerId") or None,
        _flag(given, "doNotCreateOpportunity"),
        _flag(given, "overwriteLeadSource"),
    )


def _flag(given: ElementTree.Element, name: str) -> bool:
    return text(given, name).lower() in ("true", "1")
