"""The problems that a look may find, each by its stable code.

A code is also the problem's label in alerts, and with hyphens its anchor in docs/runbook.md:
`lane.stalled` is explained at `#lane-stalled`. Codes are never renamed. CONTRIBUTING.md lists
what a new code needs.
"""

from typing import Final, NamedTuple

from schemas.status import Severity


class ProblemKind(NamedTuple):
    """The common part of every problem of one code."""

    severity: Severity
    """The worst that it can have."""
    means: str
    """In a few words, for the run book's list."""


PROBLEMS: Final[dict[str, ProblemKind]] = {
    "remote.down": ProblemKind(Severity.PAGE, "a remote system refuses us or cannot be reached"),
    "remote.unknown": ProblemKind(Severity.PAGE, "a remote system gave no answer in time"),
    "login.refused": ProblemKind(Severity.PAGE, "Salesforce refuses the login; open streams go on"),
    "role.missing": ProblemKind(Severity.PAGE, "no worker of a role polls its task queue"),
    "role.backlog": ProblemKind(Severity.PAGE, "tasks of a role wait longer than 30 seconds"),
    "deployment.missing": ProblemKind(
        Severity.PAGE, "the work is given to a version whose workers are missing"
    ),
    "deployment.stranded": ProblemKind(
        Severity.TICKET, "open batches are pinned to a version whose workers are gone"
    ),
    "lane.stalled": ProblemKind(Severity.PAGE, "a lane should follow the org and does not"),
    "lane.paused": ProblemKind(Severity.PAGE, "a lane is paused; the event bus keeps 72 hours"),
    "lane.waiting": ProblemKind(Severity.TICKET, "a lane waits for tokens of a budget"),
    "lane.not_started": ProblemKind(Severity.TICKET, "no workflow of a configured lane runs"),
    "lane.unknown": ProblemKind(Severity.TICKET, "the state of a lane is not known"),
    "lane.behind": ProblemKind(Severity.PAGE, "a lane's position is more than 48 hours old"),
    "lane.late": ProblemKind(Severity.PAGE, "a lane lands changes that are older than the freshness target"),
    "reread.waiting": ProblemKind(Severity.TICKET, "a hole, or changes, are read from the org again"),
    "object.late": ProblemKind(Severity.PAGE, "landed changes wait longer than the freshness target"),
    "object.held": ProblemKind(Severity.TICKET, "batches of an object wait for an operator"),
    "ledger.imbalance": ProblemKind(Severity.PAGE, "landed is not applied + duplicate + quarantined"),
    "writeback.dead": ProblemKind(Severity.TICKET, "writebacks failed for good"),
    "writeback.held": ProblemKind(Severity.TICKET, "writebacks wait for an operator"),
    "writeback.paused": ProblemKind(Severity.NOTICE, "an operator paused writebacks"),
    "writeback.late": ProblemKind(Severity.PAGE, "the oldest writeback waits longer than 4 minutes"),
    "writeback.unknown": ProblemKind(Severity.PAGE, "outcomes of writebacks are looked up for too long"),
    "copy.not_filled": ProblemKind(
        Severity.TICKET, "the API answers 503 for an object: its read copy is not filled"
    ),
    "copy.differs": ProblemKind(
        Severity.PAGE, "the API answers 503 for an object: its read copy differs from the warehouse"
    ),
    "copy.late": ProblemKind(Severity.PAGE, "the read copy lacks changes that the warehouse has"),
    "copy.unchecked": ProblemKind(
        Severity.TICKET, "the read copy was not compared with the warehouse for three hours"
    ),
    "webhook.late": ProblemKind(Severity.PAGE, "changes for a webhook wait, and nobody posts them"),
    "webhook.failing": ProblemKind(Severity.TICKET, "a webhook's receiver takes nothing"),
    "webhook.dead": ProblemKind(Severity.TICKET, "a receiver refused changes for too long"),
    "webhook.disabled": ProblemKind(Severity.TICKET, "the engine has stopped a webhook"),
    "webhook.paused": ProblemKind(Severity.NOTICE, "an operator paused a webhook"),
    "budget.exhausts": ProblemKind(Severity.PAGE, "a budget runs out within 12 hours"),
    "budget.refused": ProblemKind(Severity.PAGE, "a budget grants nothing to who spends it"),
    "budget.stale": ProblemKind(Severity.PAGE, "the org's limits were not read for 10 minutes"),
    "governor.silent": ProblemKind(Severity.PAGE, "the governor does not answer"),
    "reconcile.differs": ProblemKind(Severity.PAGE, "the warehouse differs from the org"),
    "reconcile.old": ProblemKind(Severity.TICKET, "an object was not compared for twice its period"),
    "quality.isolated": ProblemKind(Severity.NOTICE, "values did not fit, and their fields are unknown"),
    "quality.orphans": ProblemKind(Severity.NOTICE, "records name parents that are not there"),
    "quarantine.waiting": ProblemKind(Severity.TICKET, "refused changes wait for an operator"),
    "drift.needs_somebody": ProblemKind(Severity.TICKET, "the org's schema changed and somebody must decide"),
    "erasure.stuck": ProblemKind(Severity.TICKET, "an erasure waits for an operator, or runs for a day"),
    "backfill.failed": ProblemKind(Severity.TICKET, "a backfill failed within the last 24 hours"),
    "retention.failed": ProblemKind(Severity.TICKET, "a retention run failed within the last 24 hours"),
    "retention.overdue": ProblemKind(Severity.TICKET, "a month should have been archived, or have left"),
    "model.failed": ProblemKind(Severity.TICKET, "the last build of the reporting model failed"),
    "model.late": ProblemKind(Severity.TICKET, "the reporting model was not built for twice its interval"),
    "export.failed": ProblemKind(Severity.TICKET, "the last export of curated tables failed"),
    "export.late": ProblemKind(Severity.TICKET, "nothing was exported for twice the interval"),
    "backfill.hung": ProblemKind(Severity.TICKET, "a backfill makes no step forward"),
}
"""Code -> its kind."""


def anchor(code: str) -> str:
    """The section of docs/runbook.md: `lane-stalled` of `lane.stalled`, `lane-not-started` of
    `lane.not_started`.
    """
    return code.replace(".", "-").replace("_", "-")
