"""The fields that the hand-written marts read, by object.

A mart is left out where the catalogue lacks one of its objects. A field that the catalogue lacks
is null.
"""

from collections.abc import Mapping

from schemas.tables import Kind

_TEXT, _TIME, _DATE = Kind.TEXT, Kind.TIMESTAMP, Kind.DATE
_STAMPS = {"OwnerId": _TEXT, "CreatedDate": _TIME, "CreatedById": _TEXT, "LastModifiedById": _TEXT}

MART_FIELDS: Mapping[str, Mapping[str, Kind]] = {
    "Account": {"Region__c": _TEXT},
    "Contact": {"AccountId": _TEXT},
    "Case": {
        "CaseNumber": _TEXT,
        "AccountId": _TEXT,
        "ContactId": _TEXT,
        "Status": _TEXT,
        "Priority": _TEXT,
        "Origin": _TEXT,
        "Type": _TEXT,
        "ClosedDate": _TIME,
        "Program__c": _TEXT,
        "Queue__c": _TEXT,
        "DueDate__c": _DATE,
        "SlaHours__c": Kind.DOUBLE,
        **_STAMPS,
    },
    "ServiceRequest__c": {
        "Name": _TEXT,
        "Account__c": _TEXT,
        "Contact__c": _TEXT,
        "Case__c": _TEXT,
        "Status__c": _TEXT,
        "Channel__c": _TEXT,
        "Category__c": _TEXT,
        "Program__c": _TEXT,
        "District__c": _TEXT,
        "Priority__c": _TEXT,
        "SubmittedAt__c": _TIME,
        "DueDate__c": _DATE,
        "Urgent__c": Kind.BOOLEAN,
        **_STAMPS,
    },
    "Payment__c": {
        "Name": _TEXT,
        "Account__c": _TEXT,
        "ServiceRequest__c": _TEXT,
        "Status__c": _TEXT,
        "Amount__c": Kind.DECIMAL,
        "Currency__c": _TEXT,
        "Method__c": _TEXT,
        "Program__c": _TEXT,
        "PeriodStart__c": _DATE,
        "PeriodEnd__c": _DATE,
        "ScheduledAt__c": _TIME,
        "SettledAt__c": _TIME,
        "Attempt__c": Kind.INTEGER,
        "OnHold__c": Kind.BOOLEAN,
        **_STAMPS,
    },
    "Opportunity": {
        "Name": _TEXT,
        "AccountId": _TEXT,
        "StageName": _TEXT,
        "CloseDate": _DATE,
        "Amount": Kind.DECIMAL,
        "GrantProgram__c": _TEXT,
        **_STAMPS,
    },
}
