"""Scenes of an enrolment season: each is one Salesforce transaction, and returns nothing but its
traces in it.

A scene that finds no record to act on makes one instead, so an empty org fills by itself.
"""

from collections.abc import Callable

from sandbox.org.state.transaction import Transaction
from sandbox.org.traffic import forms
from sandbox.org.traffic.world import World

Scene = Callable[[World, Transaction], None]
_MERGED_SMALLEST, _MERGED_SPREAD = 5, 16
_LONG_TEXTS = 200
_NEW_LONG_TEXT = 0.1
"""How often, until there are enough, a case with a long text is made instead of edited."""


def application(w: World, tx: Transaction) -> None:
    """A citizen applies: a request, often with a case, sometimes from somebody new."""
    account_id = new_account(w, tx) if w.chance(0.15) else w.hot("Account")
    if account_id is None:
        account_id = new_account(w, tx)
    contact_id = w.hot("Contact")
    if contact_id is None or w.chance(0.35):
        contact_id = _made(w, tx, "Contact", forms.contact(w, account_id))
    case_id = None
    if w.chance(0.4):
        case_id = _made(w, tx, "Case", forms.case(w, account_id, contact_id))
    _made(w, tx, "ServiceRequest__c", forms.service_request(w, account_id, contact_id, case_id))


def request(w: World, tx: Transaction) -> None:
    """A known citizen files one more request."""
    values = forms.service_request(w, w.hot("Account"), w.hot("Contact"), w.young("Case"))
    _made(w, tx, "ServiceRequest__c", values)


def payment(w: World, tx: Transaction) -> None:
    account_id = w.hot("Account") or new_account(w, tx)
    _made(w, tx, "Payment__c", forms.payment(w, account_id, w.young("ServiceRequest__c"), None))


def pay_run(w: World, tx: Transaction) -> None:
    """Payments of one account and its balance, in one transaction."""
    account_id = w.hot("Account") or new_account(w, tx)
    run = f"RUN-{int(w.random() * 9_999):04d}"
    for _ in range(3):
        _made(w, tx, "Payment__c", forms.payment(w, account_id, w.young("ServiceRequest__c"), run))
    tx.update(
        "Account",
        account_id,
        {
            "OpenBalance__c": w.amount(5_000),
            "ContactLog__c": w.note(),
            "ReviewNotes__c": w.note(),
            "ServicePlan__c": w.note(),
        },
    )


def grant(w: World, tx: Transaction) -> None:
    _made(w, tx, "Opportunity", forms.opportunity(w, w.hot("Account")))


def case_work(w: World, tx: Transaction) -> None:
    """A caseworker moves a case on; one in six is closed, one in twelve loses its due date."""
    case_id = w.young("Case")
    if case_id is None:
        _made(w, tx, "Case", forms.case(w, w.hot("Account"), w.hot("Contact")))
        return
    values: dict[str, object] = {
        "Status": w.pick(forms.CASE_STATES),
        "Priority": w.pick(forms.PRIORITIES),
        "TouchCount__c": 1 + int(w.random() * 40),
        "IntakeNarrative__c": w.note(),
        "EligibilityNotes__c": w.note(),
        "CaseworkerNotes__c": w.note(),
        "DecisionText__c": w.note(),
    }
    if w.chance(0.17):
        values.update(Status="Closed", ClosedDate=w.stamp(), IsEscalated=False)
    elif w.chance(0.1):
        values["DueDate__c"] = None
    elif w.chance(0.2):
        values.update(OwnerId=w.pick(w.users), Queue__c=w.pick(forms.DISTRICTS))
    tx.update("Case", case_id, values)


def request_progress(w: World, tx: Transaction) -> None:
    request_id = w.young("ServiceRequest__c")
    if request_id is None:
        request(w, tx)
        return
    values: dict[str, object] = {
        "Status__c": w.pick(forms.REQUEST_STATES),
        "Priority__c": w.pick(forms.PRIORITIES),
        "FormAnswers__c": w.note(),
        "OfficerNotes__c": w.note(),
        "CorrespondenceLog__c": w.note(),
        "OutcomeText__c": w.note(),
    }
    if w.chance(0.1):
        values["DueDate__c"] = None
    if w.chance(0.2):
        values["OwnerId"] = w.pick(w.users)
    tx.update("ServiceRequest__c", request_id, values)


def payment_progress(w: World, tx: Transaction) -> None:
    """A payment is settled, or held, or let go again with its reason emptied."""
    payment_id = w.young("Payment__c")
    if payment_id is None:
        payment(w, tx)
        return
    values: dict[str, object] = {
        "Status__c": w.pick(forms.PAYMENT_STATES),
        "RemittanceText__c": w.note(),
        "DecisionBasis__c": w.note(),
        "AuditNotes__c": w.note(),
        "Attempt__c": 1 + int(w.random() * 4),
    }
    if w.chance(0.5):
        values["SettledAt__c"] = w.stamp()
    is_held = w.chance(0.3)
    values.update(OnHold__c=is_held, HoldReason__c=w.pick(forms.HOLD_REASONS) if is_held else None)
    tx.update("Payment__c", payment_id, values)


def contact_edit(w: World, tx: Transaction) -> None:
    """A citizen moves, or changes a number; some withdraw a detail."""
    contact_id = w.hot("Contact")
    if contact_id is None:
        _made(w, tx, "Contact", forms.contact(w, w.hot("Account")))
        return
    tx.update(
        "Contact",
        contact_id,
        {
            **forms.address(w, "Mailing"),
            "MobilePhone": None if w.chance(0.15) else w.phone(),
            "PreferredChannel__c": w.pick(forms.CHANNELS),
            "OutreachNotes__c": w.note(),
            "EligibilitySummary__c": w.note(),
            "Accommodations__c": w.note(),
        },
    )


def account_review(w: World, tx: Transaction) -> None:
    account_id = w.hot("Account")
    if account_id is None:
        new_account(w, tx)
        return
    tx.update(
        "Account",
        account_id,
        {
            "RiskScore__c": w.amount(100),
            "OpenBalance__c": w.amount(5_000),
            "LastReviewedAt__c": w.stamp(),
            "Verified__c": w.chance(0.8),
            "ServicePlan__c": w.note(),
            "ReviewNotes__c": w.note(),
            "ContactLog__c": w.note(),
        },
    )


def grant_progress(w: World, tx: Transaction) -> None:
    opportunity_id = w.young("Opportunity")
    if opportunity_id is None:
        grant(w, tx)
        return
    tx.update(
        "Opportunity",
        opportunity_id,
        {
            "StageName": w.pick(forms.STAGES),
            "Amount": w.amount(250_000),
            "Probability": float(10 * int(w.random() * 11)),
            "NextStep": None if w.chance(0.2) else "Board decision",
            "ApplicationText__c": w.note(),
            "ReviewText__c": w.note(),
            "Conditions__c": w.note(),
        },
    )


def reassignment(w: World, tx: Transaction) -> None:
    """A team leader hands 5 to 20 records of one object to one colleague: one merged event."""
    object_name = w.pick(("Case", "ServiceRequest__c", "Payment__c"))
    team = w.neighbours(object_name, _MERGED_SMALLEST + int(w.random() * _MERGED_SPREAD))
    if not team:
        request(w, tx)
        return
    owner = w.pick(w.users)
    note_field = {"Case": "CaseworkerNotes__c", "ServiceRequest__c": "OfficerNotes__c"}.get(
        object_name, "AuditNotes__c"
    )
    values = {"OwnerId": owner, note_field: w.note()}
    for record_id in team:
        tx.update(object_name, record_id, values)


def long_text_edit(w: World, tx: Transaction) -> None:
    """One line of a long case description is rewritten: its event carries a diff."""
    if not w.long_texts or (len(w.long_texts) < _LONG_TEXTS and w.chance(_NEW_LONG_TEXT)):
        lines = w.texts.long_lines()
        values = {**forms.case(w, w.hot("Account"), w.hot("Contact")), "Description": "\n".join(lines)}
        w.long_texts.append((_made(w, tx, "Case", values), lines))
        return
    case_id, lines = w.pick(w.long_texts)
    lines[int(w.random() * len(lines))] = w.texts.sentence()
    tx.update(
        "Case",
        case_id,
        {
            "Description": "\n".join(lines),
            "CaseworkerNotes__c": w.note(),
            "EligibilityNotes__c": w.note(),
            "DecisionText__c": w.note(),
        },
    )


def deletion(w: World, tx: Transaction) -> None:
    object_name = w.pick(
        ("ServiceRequest__c", "Payment__c", "Opportunity", "ServiceRequest__c", "Payment__c")
    )
    record_id = w.remove(object_name)
    if record_id is None:
        payment(w, tx)
    else:
        tx.delete(object_name, record_id)


def restoration(w: World, tx: Transaction) -> None:
    if not w.binned:
        request(w, tx)
        return
    object_name, record_id = w.binned.pop()
    tx.undelete(object_name, record_id)
    w.restore(object_name, record_id)


def new_account(w: World, tx: Transaction) -> str:
    return _made(w, tx, "Account", forms.account(w))


EVERYDAY: tuple[tuple[Scene, float], ...] = (
    (application, 10),
    (request, 14),
    (payment, 16),
    (pay_run, 2),
    (grant, 2),
    (case_work, 12),
    (request_progress, 12),
    (payment_progress, 6),
    (contact_edit, 3),
    (account_review, 2),
    (grant_progress, 1),
    (deletion, 2),
    (restoration, 0.7),
)
"""The scenes and how often each is played; with 2 % merged events this makes 45 % creates and 50 %
updates.
"""


def _made(w: World, tx: Transaction, object_name: str, values: dict[str, object]) -> str:
    record_id = tx.create(object_name, values)
    w.live[object_name].append(record_id)
    return record_id
