"""The kinds of runs: one row each, which the command and the API share.

A run is a workflow that somebody asks for, that does one thing and ends with a result.
`clients.temporal.runs` starts and steers it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from schemas import ids, names
from schemas.backfill import BackfillInput, BackfillState
from schemas.drift import DriftInput, DriftResult, RefreshInput, RefreshState
from schemas.message import Message
from schemas.reconcile import ReconcileInput, ReconcileState
from schemas.replay import ReplayInput, ReplayState
from schemas.security import ids as security_ids
from schemas.security.erasure import ErasureInput, ErasureState
from schemas.security.keys import ROTATION, RotateInput, RotationState
from schemas.security.retention import RetentionInput, RetentionState

RunAct = Literal["pause", "resume", "cancel"]
RUN_ACTS: tuple[RunAct, ...] = ("pause", "resume", "cancel")
STAGE = SearchAttributeKey.for_keyword("Stage")
CHANGES = SearchAttributeKey.for_int("Changes")
QUARANTINED = SearchAttributeKey.for_int("Quarantined")
_ORG = SearchAttributeKey.for_keyword("SfOrg")
_LANE = SearchAttributeKey.for_keyword("SfLane")
_OBJECTS = SearchAttributeKey.for_keyword_list("SfObjects")
_LONGEST_SUMMARY = 200


@dataclass(frozen=True)
class RunKind:
    """One kind of run."""

    noun: str
    plural: str
    workflow_type: str
    """Also the first part of its workflow ids."""
    state: type[Message]
    """The answer of its query `progress`, and its result."""
    workflow_id: Callable[[Any], str]
    """From its workflow's input."""
    options: Callable[[Any], Mapping[str, Any]]
    """From its workflow's input: search attributes, memo and summary for Temporal."""
    repeats: bool
    """True: a run that has ended well is started again when it is asked for, because its answer may
    be another one by then.
    """
    acts: tuple[RunAct, ...] = ()
    """The signals that it takes while it runs."""
    is_of_object: bool = True
    """True: a run is named by an object and a name; False: by a name alone."""
    usual_name: str = ""
    """The name of the run that is meant when none is given; "" = a name has to be given."""
    has_progress: bool = True
    """False: it answers no query, and shows nothing before its end."""

    def prefix(self, org: str) -> str:
        """The first part of the workflow ids of an org's runs."""
        return f"{self.workflow_type}/{org}/"

    def named(self, org: str, *parts: str) -> str:
        """The workflow id of a run, by its object and its name, or by its name alone."""
        return self.prefix(org) + "/".join(parts)

    def name_of(self, org: str, workflow_id: str) -> tuple[str, str]:
        """Object ("" = of no object) and name of a run, from its workflow id."""
        rest = workflow_id.removeprefix(self.prefix(org))
        if not self.is_of_object:
            return "", rest
        object_name, _, name = rest.partition("/")
        return object_name, name


def _backfill_options(request: BackfillInput) -> dict[str, Any]:
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(_ORG, request.org),
        SearchAttributePair(_OBJECTS, [request.object]),
        SearchAttributePair(STAGE, "planning"),
        SearchAttributePair(CHANGES, 0),
    ]
    what = "some records" if request.ids_key is not None else "all records"
    if request.since is not None or request.until is not None:
        bounds = (f"{moment:%Y-%m-%d %H:%M}" if moment else "" for moment in (request.since, request.until))
        what = f"changes of {' to '.join(bounds)}"
    return {
        "search_attributes": TypedSearchAttributes(pairs),
        # Why is the audit log's to keep: a memo is shown in every list.
        "memo": {"by": request.by},
        "static_summary": f"{request.object}: {what}, for {request.by}"[:_LONGEST_SUMMARY],
    }


def _replay_options(request: ReplayInput) -> dict[str, Any]:
    selection = request.selection
    pairs = [SearchAttributePair(_ORG, selection.org)]
    if selection.lane is not None:
        pairs.append(SearchAttributePair(_LANE, selection.lane))
    return {
        "search_attributes": TypedSearchAttributes(pairs),
        "static_summary": f"replays {request.key}"[:_LONGEST_SUMMARY],
    }


def _reconcile_options(request: ReconcileInput) -> dict[str, Any]:
    return {"static_summary": f"compares {request.object} with the org, depth {request.depth}"}


def _refresh_options(request: RefreshInput) -> dict[str, Any]:
    return {"static_summary": f"refreshes {request.object}"}


def _drift_options(request: DriftInput) -> dict[str, Any]:  # noqa: ARG001 -- every check is summed up alike
    return {"static_summary": "a check of the schema"}


def _retention_options(request: RetentionInput) -> dict[str, Any]:
    return {"static_summary": f"retention, for {request.by}"[:_LONGEST_SUMMARY]}


def _erasure_options(request: ErasureInput) -> dict[str, Any]:
    what = "counts values of" if request.is_dry else "erases"
    return {
        "search_attributes": TypedSearchAttributes([SearchAttributePair(_ORG, request.org)]),
        "memo": {"by": request.by},
        "static_summary": f"{what} {len(request.records)} records, for {request.by}"[:_LONGEST_SUMMARY],
    }


def _rotate_options(request: RotateInput) -> dict[str, Any]:
    what = "rotates the data key" if request.makes_key else "re-encrypts the warehouse"
    return {"static_summary": f"{what}, for {request.by}"[:_LONGEST_SUMMARY]}


BACKFILL = RunKind(
    noun="backfill",
    plural="backfills",
    workflow_type=names.BACKFILL_WORKFLOW,
    state=BackfillState,
    workflow_id=lambda request: ids.backfill_workflow_id(request.org, request.object, request.window),
    options=_backfill_options,
    repeats=False,
    acts=RUN_ACTS,
    usual_name="all",
)
REPLAY = RunKind(
    noun="replay",
    plural="replays",
    workflow_type=names.REPLAY_WORKFLOW,
    state=ReplayState,
    workflow_id=lambda request: ids.replay_workflow_id(request.selection.org, request.key),
    options=_replay_options,
    repeats=True,
    acts=RUN_ACTS,
    is_of_object=False,
)
RECONCILE = RunKind(
    noun="reconciliation",
    plural="reconciliations",
    workflow_type=names.RECONCILE_WORKFLOW,
    state=ReconcileState,
    workflow_id=lambda request: ids.reconcile_workflow_id(request.org, request.object, request.window),
    options=_reconcile_options,
    repeats=True,
    usual_name="all.buckets",
)
REFRESH = RunKind(
    noun="refresh",
    plural="refreshes",
    workflow_type=names.REFRESH_WORKFLOW,
    state=RefreshState,
    workflow_id=lambda request: ids.refresh_workflow_id(request.org, request.object, request.name),
    options=_refresh_options,
    repeats=True,
    usual_name="calculated",
)
RETENTION = RunKind(
    noun="retention run",
    plural="retention-runs",
    workflow_type=names.RETENTION_WORKFLOW,
    state=RetentionState,
    workflow_id=lambda request: security_ids.retention_workflow_id(request.org, request.name),
    options=_retention_options,
    repeats=True,
    is_of_object=False,
    usual_name="due",
)
DRIFT = RunKind(
    noun="schema check",
    plural="schema checks",
    workflow_type=names.DRIFT_WORKFLOW,
    state=DriftResult,
    workflow_id=lambda request: ids.drift_workflow_id(request.org),
    options=_drift_options,
    repeats=True,
    is_of_object=False,
    has_progress=False,
)
ERASURE = RunKind(
    noun="erasure",
    plural="erasures",
    workflow_type=names.ERASURE_WORKFLOW,
    state=ErasureState,
    workflow_id=lambda request: security_ids.erasure_workflow_id(request.org, request.key),
    options=_erasure_options,
    repeats=False,
    acts=("pause", "resume"),
    is_of_object=False,
)
ROTATE_KEYS = RunKind(
    noun="key rotation",
    plural="key-rotations",
    workflow_type=names.ROTATE_KEYS_WORKFLOW,
    state=RotationState,
    workflow_id=lambda request: security_ids.rotate_keys_workflow_id(request.org, request.name),
    options=_rotate_options,
    repeats=True,
    is_of_object=False,
    usual_name=ROTATION,
)
