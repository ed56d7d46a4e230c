"""Comparing the warehouse with the org."""

from datetime import timedelta

from schemas import names
from schemas.reconcile import Isolated, LogCheck
from schemas.reconcile_steps import (
    AskBucketsInput,
    AskedBuckets,
    CheckLogInput,
    ComparedFacts,
    CompareFactsInput,
    DifferingBuckets,
    FindIsolatedInput,
    KeepReportInput,
    ReadFacts,
    ReadFactsInput,
    SetAside,
    SetAsideInput,
)
from workflows.contracts.contract import Contract, In, Out


def _step(name: str, given: type[In], found: type[Out]) -> Contract[In, Out]:
    """All steps have the same limits."""
    return Contract(
        name,
        given,
        found,
        queue=names.RECONCILE_QUEUE,
        start_to_close=timedelta(hours=6),
        heartbeat=timedelta(seconds=20),
        why="A query job of tens of millions of rows may take an hour, and a comparison of them as long.",
    )


CHECK_LOG = _step(names.CHECK_LOG, CheckLogInput, LogCheck)
ASK_BUCKETS = _step(names.ASK_BUCKETS, AskBucketsInput, AskedBuckets)
COMPARE_BUCKETS = _step(names.COMPARE_BUCKETS, AskBucketsInput, DifferingBuckets)
READ_FACTS = _step(names.READ_FACTS, ReadFactsInput, ReadFacts)
COMPARE_FACTS = _step(names.COMPARE_FACTS, CompareFactsInput, ComparedFacts)
SET_ASIDE = _step(names.SET_ASIDE, SetAsideInput, SetAside)
FIND_ISOLATED = _step(names.FIND_ISOLATED, FindIsolatedInput, Isolated)
KEEP_REPORT = _step(names.KEEP_REPORT, KeepReportInput, str)
