"""Problems of the read copy, from which the API answers."""

from collections.abc import Iterator
from datetime import timedelta

from schemas.read_copy.status_facts import CopiedObject
from schemas.status import FRESHNESS_TARGET, Problem, Severity
from schemas.status_facts import LookFacts
from transforms.status.problem import problem

_UNCHECKED = timedelta(hours=3)
"""Every object is compared each hour, one a minute."""


def copy_problems(facts: LookFacts) -> Iterator[Problem]:
    """Those of every object of the copy; none where there is no copy, or where it did not answer,
    which is a problem of its remote.
    """
    if facts.copied.objects is None:
        return
    known = {each.object: each for each in facts.copied.objects}
    for name in facts.objects:
        each = known.get(name)
        if each is None or each.filled_at is None:
            text = "it is not filled yet, so the API answers 503 for it"
            yield problem("copy.not_filled", text, f"tidegate warehouse fill {name}", subject=name)
        elif each.differs is not None:
            text = f"{each.differs}, so the API answers 503 for it"
            remedy = f"tidegate warehouse fill {name}"
            yield problem("copy.differs", text, remedy, subject=name, since=each.checked_at)
        else:
            yield from _stale(each, facts)


def _stale(each: CopiedObject, facts: LookFacts) -> Iterator[Problem]:
    ours = facts.warehouse.ledger if facts.warehouse is not None else None
    newest = next((row.newest_change_at for row in ours or () if row.object == each.object), None)
    theirs = each.newest_change_at
    if newest is not None and (theirs is None or newest - theirs > FRESHNESS_TARGET):
        text = "the warehouse has changes of the last day that the copy lacks"
        remedy = f"tidegate warehouse fill {each.object}; see that every worker has the setting"
        yield problem("copy.late", text, remedy, subject=each.object, since=theirs)
    checked = each.checked_at or each.filled_at
    if checked is not None and facts.at - checked > _UNCHECKED:
        text = "it is not known whether it is equal: it was not compared with the warehouse"
        remedy = "tidegate status; see the backfill role"
        severity = Severity.TICKET
        yield problem("copy.unchecked", text, remedy, subject=each.object, severity=severity, since=checked)
