"""The worst of a report, in one word. Severities are those of the report; none is made here."""

from schemas.fleet import Verdict
from schemas.status import EngineStatus, Health, Severity


def verdict_of(status: EngineStatus) -> Verdict:
    """A page first; then whether anything could not be asked; then the rest."""
    severities = {each.severity for each in status.problems}
    if Severity.PAGE in severities:
        return Verdict.PAGE
    if status.unknown or any(each.health is Health.UNKNOWN for each in status.remotes):
        return Verdict.UNKNOWN
    if Severity.TICKET in severities:
        return Verdict.TICKET
    return Verdict.NOTICE if severities else Verdict.OK
