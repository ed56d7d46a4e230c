"""The checks of `tidegate doctor` and the problems that they may find, each by its stable name.

A finding that is well has the name of its check; one that is not has the name of a problem.
Names are never changed: scripts and run books go by them. `docs/doctor.md` has the same names
with their remedies.
"""

from collections import Counter
from datetime import timedelta
from enum import StrEnum
from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from schemas.message import Message

TOTAL_SECONDS = 20.0
"""Of a whole look. A question without an answer by then is unknown."""
CHECK_SECONDS = 7.0
"""The most that one question may take."""
ALLOWANCE_CALLS = 20
"""API calls that a look may make without a lease, besides one an object: while no governor can be
asked, as on the first day.
"""
LOW_SHARE = 0.2
"""An allocation of which less is left is worth a warning."""
RETENTION_LEAST = timedelta(days=7)
"""Of closed workflows: a backfill's window is known to be done for as long as its workflow is kept.
"""


class Remote(StrEnum):
    """Whom doctor asks. `local` is this machine's own settings and catalogue."""

    LOCAL = "local"
    SALESFORCE = "salesforce"
    TEMPORAL = "temporal"
    S3 = "s3"
    KMS = "kms"
    WAREHOUSE = "warehouse"
    OPERATIONAL = "operational"


class State(StrEnum):
    """The worst first."""

    WRONG = "wrong"
    """The engine does not work, or loses something, until somebody acts."""
    UNKNOWN = "unknown"
    """It could not be asked. Never shown as good."""
    WARNING = "warning"
    """The engine works; somebody should look."""
    OK = "ok"


CHECKS: dict[str, str] = {
    "local.settings": "the settings are complete and readable",
    "local.catalogue": "the catalogue file can be used, and every object of it is followed",
    "salesforce.login": "the grant gives a session",
    "salesforce.org": "the session is of the org that the settings name",
    "salesforce.api_version": "the org serves the API version",
    "salesforce.clock": "the org's clock and this machine's agree",
    "salesforce.permissions": "the integration user may do what the engine does",
    "salesforce.object": "the object is there, and its fields are as the catalogue has them",
    "salesforce.cdc": "every streamed object is selected for change events",
    "salesforce.pubsub": "the Pub/Sub API answers, and lets the user subscribe to each channel",
    "salesforce.allocations": "the org's allocations are not spent",
    "temporal.connection": "the server answers, and the namespace exists",
    "temporal.search_attributes": "the search attributes are registered with their types",
    "temporal.retention": "closed workflows are kept long enough",
    "temporal.workers": "a worker polls every task queue",
    "s3.bucket": "the bucket exists and can be reached",
    "s3.objects": "objects can be written, read, listed and deleted",
    "s3.conditional_put": "an object that exists is never written over by `If-None-Match: *`",
    "kms.key": "the key makes data keys and opens them",
    "kms.data_key": "the org's own data key can be opened",
    "warehouse.connection": "the database answers",
    "warehouse.server": "version, encoding, isolation and time zone are as the engine needs them",
    "warehouse.rights": "the user may make and fill tables",
    "warehouse.copy": "Redshift reads the bucket with its role",
    "warehouse.unload": "Redshift writes to the bucket with its role",
    "warehouse.tables": "the columns have the catalogue's types",
    "warehouse.chain": "the ledger has every batch that was landed and is done",
    "operational.connection": "the database answers",
    "operational.schema": "the tables are those of this release",
    "operational.anchors": "the audit log reaches its last anchor",
}
PROBLEMS: dict[str, str] = {
    "local.settings_invalid": "a setting is missing or wrong",
    "local.catalogue_invalid": "the catalogue file has a mistake",
    "local.no_lane": "no lane follows the object",
    "salesforce.unreachable": "the login address does not answer",
    "salesforce.credentials": "the org refuses the grant",
    "salesforce.other_org": "the credentials are of another org than the settings name",
    "salesforce.api_version_unsupported": "the org does not serve the API version",
    "salesforce.clock_skew": "the clocks differ",
    "salesforce.api_disabled": "the integration user lacks API Enabled",
    "salesforce.no_view_setup": "the integration user lacks View Setup and Configuration",
    "salesforce.no_view_all": "the integration user does not see every record of the object",
    "salesforce.object_missing": "the object does not exist for the integration user",
    "salesforce.object_not_queryable": "the object cannot be queried",
    "salesforce.field_hidden": "the field does not exist for the integration user",
    "salesforce.field_type": "the field has another type or length than in the catalogue",
    "salesforce.field_rule": "the field is required in only one of org and catalogue",
    "salesforce.cdc_not_selected": "the object is not selected for change events",
    "salesforce.channel_missing": "a lane follows a channel that the org lacks",
    "salesforce.channel_filtered": "a filter holds events back from a lane",
    "salesforce.pubsub_unreachable": "the Pub/Sub API does not answer from here",
    "salesforce.pubsub_refused": "the Pub/Sub API refuses a lane's channel",
    "salesforce.allocation_spent": "nothing is left of an allocation that the governor would grant",
    "salesforce.allocation_low": "little is left of an allocation",
    "temporal.unreachable": "the server does not answer",
    "temporal.namespace_missing": "the namespace does not exist",
    "temporal.search_attribute_missing": "a search attribute is not registered",
    "temporal.search_attribute_type": "a search attribute has another type",
    "temporal.retention_short": "closed workflows are forgotten too soon",
    "temporal.no_worker": "nobody polls a task queue",
    "s3.unreachable": "S3 does not answer",
    "s3.credentials": "S3 refuses who we are",
    "s3.bucket_missing": "the bucket does not exist",
    "s3.no_write": "objects cannot be written",
    "s3.no_read": "objects cannot be read",
    "s3.no_list": "objects cannot be listed",
    "s3.no_delete": "objects cannot be deleted",
    "s3.no_conditional_put": "`If-None-Match: *` is not honoured",
    "kms.unreachable": "KMS does not answer",
    "kms.key_missing": "the key does not exist",
    "kms.key_unusable": "the key exists and cannot be used",
    "kms.data_key_lost": "the org's data key cannot be opened",
    "warehouse.unreachable": "the database does not answer",
    "warehouse.credentials": "the database refuses who we are",
    "warehouse.version": "the server is too old",
    "warehouse.encoding": "the database is not in UTF-8",
    "warehouse.isolation": "transactions have another isolation than the engine needs",
    "warehouse.timezone": "sessions are not in UTC",
    "warehouse.no_create": "the user may not make schemas or tables",
    "warehouse.no_temp": "the user may not make temporary tables",
    "warehouse.no_write": "the user may not write or alter tables that are there",
    "warehouse.no_copy": "Redshift cannot read the bucket with its role",
    "warehouse.no_unload": "Redshift cannot write to the bucket with its role",
    "warehouse.column_type": "a column has another type than the catalogue wants",
    "warehouse.behind_chain": "the ledger lacks batches that were landed and are done: an older backup",
    "operational.unreachable": "the database does not answer",
    "operational.credentials": "the database refuses who we are",
    "operational.no_create": "the user may not make tables",
    "operational.not_migrated": "the tables are of another release, or not made yet",
    "operational.behind_anchors": "the audit log ends before its last anchor: an older backup",
}
"""Code -> its meaning. The part before the dot is the remote."""


class CheckResult(Message):
    """One thing that was looked at."""

    code: str
    """The problem's name; the check's when the state is ok or unknown."""
    state: State
    where: str = ""
    """Object, field, queue, table or setting; empty: the remote as a whole."""
    found: str
    """The fact, in a sentence without secrets and without values of records."""
    remedy: str = ""
    """The path in Setup or the command to type; empty when the state is ok."""

    @model_validator(mode="after")
    def _is_listed(self) -> Self:
        is_problem = self.state in (State.WRONG, State.WARNING)
        if self.code not in (PROBLEMS if is_problem else CHECKS):
            raise ValueError(f"{self.code} is no name of something that is {self.state}")
        if (self.state is State.OK) == bool(self.remedy):
            raise ValueError("a finding has a remedy unless its state is ok")
        return self

    @property
    def remote(self) -> Remote:
        return Remote(self.code.partition(".")[0])


class Diagnosis(Message):
    """Everything that was found."""

    at: AwareDatetime
    org: str
    """18 characters; empty when the settings do not say."""
    seconds: float
    calls: int = 0
    """API calls that were made."""
    paid_by: Literal["lease", "allowance", "nothing"] = "nothing"
    """The payer: the governor's lease, or the small allowance while no governor can be asked."""
    findings: tuple[CheckResult, ...] = Field(default=())
    """The worst first; of one state in the order of the checks."""

    @property
    def is_well(self) -> bool:
        """True when nothing is wrong and nothing unknown."""
        return not any(each.state in (State.WRONG, State.UNKNOWN) for each in self.findings)

    def counts(self) -> dict[State, int]:
        """How many findings there are of each state; 0 for none."""
        found = Counter(each.state for each in self.findings)
        return {state: found[state] for state in State}


def ok(check: str, found: str, *, where: str = "") -> CheckResult:
    """All is well."""
    return CheckResult(code=check, state=State.OK, where=where, found=found)


def wrong(code: str, found: str, remedy: str, *, where: str = "") -> CheckResult:
    """Somebody has to act."""
    return CheckResult(code=code, state=State.WRONG, where=where, found=found, remedy=remedy)


def warning(code: str, found: str, remedy: str, *, where: str = "") -> CheckResult:
    """Somebody should look."""
    return CheckResult(code=code, state=State.WARNING, where=where, found=found, remedy=remedy)


def not_asked(check: str, found: str, remedy: str, *, where: str = "") -> CheckResult:
    """It could not be asked."""
    return CheckResult(code=check, state=State.UNKNOWN, where=where, found=found, remedy=remedy)


def sorted_findings(findings: list[CheckResult]) -> tuple[CheckResult, ...]:
    """The worst first; of one state in the order in which they came."""
    order = list(State)
    return tuple(sorted(findings, key=lambda each: order.index(each.state)))
