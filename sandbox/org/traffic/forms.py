"""Initial values of a new record: realistic values for every field, of public-sector work."""

from sandbox.org.traffic.world import World

FIRST_NAMES = [
    "Amara",
    "Bilal",
    "Chiara",
    "Daniel",
    "Eszter",
    "Fatima",
    "Georg",
    "Hana",
    "Ivan",
    "Julia",
    "Karim",
    "Lena",
    "Mateo",
    "Nadia",
    "Oskar",
    "Priya",
]
LAST_NAMES = [
    "Adeyemi",
    "Bauer",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Horvat",
    "Ivanova",
    "Jansen",
    "Kowalski",
    "Lund",
    "Moreau",
    "Novak",
]
CITIES = [
    "Northgate",
    "Southmoor",
    "Eastbridge",
    "Westhaven",
    "Millbrook",
    "Harrow",
    "Green",
    "Larkfield",
    "Stonebury",
]
STREETS = [
    "Station Road",
    "Mill Lane",
    "Harbour Street",
    "Church Walk",
    "Market Square",
    "Canal Side",
    "Orchard Way",
]
PROGRAMS = ["HOUSING", "CHILDCARE", "ENERGY", "DISABILITY", "TRAINING", "FOODAID", "TRANSPORT"]
DISTRICTS = ["North", "South", "East", "West", "Central", "Harbour"]
CHANNELS = ["Web", "Phone", "Counter", "Post", "Partner"]
LANGUAGES = ["en", "es", "fr", "ar", "uk", "pl"]
PRIORITIES = ["Low", "Medium", "High", "Urgent"]
CASE_STATES = ["New", "In Review", "Waiting for Evidence", "Escalated", "Decided"]
REQUEST_STATES = ["Submitted", "Triaged", "Assigned", "In Progress", "On Hold", "Completed"]
PAYMENT_STATES = ["Scheduled", "Approved", "Sent", "Settled", "Returned"]
STAGES = ["Prospecting", "Application", "Review", "Negotiation", "Awarded", "Declined"]
HOLD_REASONS = ["Bank details", "Address check", "Appeal pending", "Overpayment"]


def account(w: World) -> dict[str, object]:
    name = w.pick(LAST_NAMES)
    return {
        "Name": f"{name} household" if w.chance(0.8) else f"{name} & Partners Services",
        "ExternalId__c": w.external_id("Account", "ACC"),
        "Type": w.pick(("Household", "Employer", "Provider")),
        "Phone": w.phone(),
        "Website": f"https://{name.lower()}.example",
        "Industry": w.pick(("Care", "Education", "Retail", "Transport")),
        "AccountSource": w.pick(CHANNELS),
        "NumberOfEmployees": int(w.random() * 400),
        "AnnualRevenue": w.amount(2_000_000),
        **address(w, "Billing"),
        "Description": w.note(),
        "Region__c": w.pick(DISTRICTS),
        "ProgramCodes__c": f"{w.pick(PROGRAMS[:3])};{w.pick(PROGRAMS[3:])}",
        "HouseholdSize__c": 1 + int(w.random() * 7),
        "RiskScore__c": w.amount(100),
        "EligibleUntil__c": w.day(),
        "LastReviewedAt__c": w.stamp(),
        "Verified__c": w.chance(0.6),
        "OpenBalance__c": w.amount(5_000),
        "ServicePlan__c": w.note(),
        "ReviewNotes__c": w.note(),
        "ContactLog__c": w.note(),
        "OwnerId": w.pick(w.users),
    }


def contact(w: World, account_id: str | None) -> dict[str, object]:
    first, last = w.pick(FIRST_NAMES), w.pick(LAST_NAMES)
    external = w.external_id("Contact", "CIT")
    return {
        "FirstName": first,
        "LastName": last,
        "Salutation": w.pick(("Ms.", "Mr.", "Dr.", None)),
        "ExternalId__c": external,
        "AccountId": account_id,
        "Email": f"{first}.{last}.{external[-9:]}@mail.example".lower(),
        "Phone": w.phone(),
        "MobilePhone": w.phone(),
        "Birthdate": f"{1940 + int(w.random() * 65)}-{w.day()[5:]}",
        "NationalId__c": f"{int(w.random() * 10**10):010d}",
        **address(w, "Mailing"),
        "Title": w.pick(("Applicant", "Guardian", "Representative")),
        "LeadSource": w.pick(CHANNELS),
        "PreferredLanguage__c": w.pick(LANGUAGES),
        "PreferredChannel__c": w.pick(CHANNELS),
        "ConsentGiven__c": w.chance(0.9),
        "ConsentAt__c": w.stamp(),
        "HasOptedOutOfEmail": w.chance(0.1),
        "Accommodations__c": w.note(),
        "OutreachNotes__c": w.note(),
        "EligibilitySummary__c": w.note(),
        "OwnerId": w.pick(w.users),
    }


def case(w: World, account_id: str | None, contact_id: str | None) -> dict[str, object]:
    name = w.pick(LAST_NAMES)
    return {
        "ExternalId__c": w.external_id("Case", "CS"),
        "AccountId": account_id,
        "ContactId": contact_id,
        "Subject": f"{w.pick(PROGRAMS).title()} enquiry, {w.pick(DISTRICTS)} district",
        "Description": w.note(),
        "Status": "New",
        "Priority": w.pick(PRIORITIES),
        "Origin": w.pick(CHANNELS),
        "Type": w.pick(("Application", "Appeal", "Change of circumstances")),
        "Reason": w.pick(("Enrolment", "Renewal", "Complaint")),
        "IsEscalated": False,
        "SuppliedName": f"{w.pick(FIRST_NAMES)} {name}",
        "SuppliedEmail": f"{name.lower()}{int(w.random() * 10**6)}@mail.example",
        "SuppliedPhone": w.phone(),
        "Program__c": w.pick(PROGRAMS),
        "Queue__c": w.pick(DISTRICTS),
        "DueDate__c": w.day(),
        "SlaHours__c": float(8 * (1 + int(w.random() * 9))),
        "Reopened__c": False,
        "TouchCount__c": 0,
        "IntakeNarrative__c": w.note(),
        "EligibilityNotes__c": w.note(),
        "CaseworkerNotes__c": w.note(),
        "OwnerId": w.pick(w.users),
    }


def opportunity(w: World, account_id: str | None) -> dict[str, object]:
    program = w.pick(PROGRAMS)
    return {
        "Name": f"{program.title()} grant {w.pick(DISTRICTS)} 2026",
        "ExternalId__c": w.external_id("Opportunity", "GR"),
        "AccountId": account_id,
        "StageName": "Prospecting",
        "CloseDate": w.day(),
        "Amount": w.amount(250_000),
        "Probability": float(10 * int(w.random() * 10)),
        "Type": w.pick(("New", "Renewal")),
        "LeadSource": w.pick(CHANNELS),
        "NextStep": "Collect the missing annexes",
        "IsPrivate": False,
        "ForecastCategoryName": "Pipeline",
        "Description": w.note(),
        "GrantProgram__c": program,
        "FiscalYear__c": "FY2026",
        "MatchPercent__c": w.amount(50),
        "ApplicationText__c": w.note(),
        "ReviewText__c": w.note(),
        "Conditions__c": w.note(),
        "OwnerId": w.pick(w.users),
    }


def service_request(
    w: World, account_id: str | None, contact_id: str | None, case_id: str | None
) -> dict[str, object]:
    external = w.external_id("ServiceRequest__c", "SR")
    return {
        "Name": external,
        "ExternalId__c": external,
        "Account__c": account_id,
        "Contact__c": contact_id,
        "Case__c": case_id,
        "Status__c": "Submitted",
        "Channel__c": w.pick(CHANNELS),
        "Category__c": w.pick(("Enrolment", "Renewal", "Information")),
        "Program__c": w.pick(PROGRAMS),
        "District__c": w.pick(DISTRICTS),
        "Priority__c": w.pick(PRIORITIES),
        "SubmittedAt__c": w.stamp(),
        "DueDate__c": w.day(),
        "Household__c": 1 + int(w.random() * 7),
        "MonthlyIncome__c": w.amount(4_000),
        "Score__c": w.amount(100),
        "Urgent__c": w.chance(0.1),
        "CitizenEmail__c": f"citizen{int(w.random() * 10**6)}@mail.example",
        "CitizenPhone__c": w.phone(),
        "Details__c": w.note(),
        "FormAnswers__c": w.note(),
        "OfficerNotes__c": w.note(),
        "CorrespondenceLog__c": w.note(),
        "OwnerId": w.pick(w.users),
    }


def payment(w: World, account_id: str, request_id: str | None, pay_run: str | None) -> dict[str, object]:
    return {
        "Name": w.external_id("Payment__c", "PAY"),
        "ExternalId__c": w.external_id("Payment__c", "PAY"),
        "Account__c": account_id,
        "ServiceRequest__c": request_id,
        "Status__c": "Scheduled",
        "Amount__c": w.amount(1_800),
        "Currency__c": "EUR",
        "Method__c": w.pick(("Transfer", "Voucher", "Card")),
        "Program__c": w.pick(PROGRAMS),
        "PeriodStart__c": w.day(),
        "PeriodEnd__c": w.day(),
        "ScheduledAt__c": w.stamp(),
        "BankAccount__c": f"DE{int(w.random() * 10**20):020d}",
        "PayRun__c": pay_run,
        "Attempt__c": 1,
        "OnHold__c": False,
        "RemittanceText__c": w.note(),
        "DecisionBasis__c": w.note(),
        "AuditNotes__c": w.note(),
        "OwnerId": w.pick(w.users),
    }


def address(w: World, prefix: str) -> dict[str, object]:
    return {
        f"{prefix}Street": f"{1 + int(w.random() * 240)} {w.pick(STREETS)}",
        f"{prefix}City": w.pick(CITIES),
        f"{prefix}State": w.pick(DISTRICTS),
        f"{prefix}PostalCode": f"{int(w.random() * 90_000) + 10_000}",
        f"{prefix}Country": "Germany",
    }
