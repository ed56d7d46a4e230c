"""Bugs on the road into the org, of its budgets, its keys and the audit log."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from activities.keys.reencrypt import Reencryption
from activities.writeback import record_facts
from clients.database import audit_log
from clients.governor.leases import Leases
from clients.salesforce import http, http_errors
from schemas.fleet import Verdict
from schemas.status import EngineStatus, Health
from transforms.status import verdict


def _echo_is_foreign() -> AbstractContextManager[object]:
    """Law 6: our own last write of a record counts as somebody else's change, in the record as in
    the change log.
    """
    return patch.multiple(
        record_facts, exclude_own_writes=lambda seen, *_: dict(seen), CLIENT_PREFIX="somebody-else-"
    )


def _lost_answer_is_a_refusal() -> AbstractContextManager[object]:
    """Law 6: a write without an answer is taken not to have been carried out."""
    real = http_errors.unanswered
    return patch.object(http, "unanswered", lambda error, call, **_: real(error, call, may_be_done=False))


def _lease_counted_late() -> AbstractContextManager[object]:
    """Law 5: a token counts as spent some time after its call."""
    real = Leases.take

    async def take(leases: Leases, budget: Any, lease_class: Any, count: int = 1) -> None:
        await real(leases, budget, lease_class, count)
        account = leases._account(budget, lease_class)
        account.spent -= count

        def settle() -> None:
            account.spent += count

        asyncio.get_running_loop().call_later(40, settle)

    return patch.object(Leases, "take", take)


def _act_recorded_twice() -> AbstractContextManager[object]:
    """Law 9: an act that is tried again is not looked for."""
    return patch.object(audit_log, "_number_of", lambda *_: None)


def _unknown_is_green() -> AbstractContextManager[object]:
    """The status takes a part that gave no answer for one that is well."""
    real = verdict.verdict_of

    def verdict_of(status: EngineStatus) -> Verdict:
        up = tuple(each.model_copy(update={"health": Health.UP}) for each in status.remotes)
        problems = tuple(each for each in status.problems if not each.code.startswith("remote."))
        return real(status.model_copy(update={"unknown": (), "remotes": up, "problems": problems}))

    return patch.object(verdict, "verdict_of", verdict_of)


def _table_left_under_its_key() -> AbstractContextManager[object]:
    """A rotation says that a table is under the new key, and leaves its tokens as they are."""
    return patch.object(Reencryption, "_pages", lambda *_: iter(()))


PLANTED: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "an-echo-taken-for-a-foreign-change": _echo_is_foreign,
    "a-lost-answer-taken-for-a-refusal": _lost_answer_is_a_refusal,
    "a-lease-counted-late": _lease_counted_late,
    "an-unknown-part-shown-green": _unknown_is_green,
    "a-table-left-under-its-key": _table_left_under_its_key,
    "an-act-recorded-twice": _act_recorded_twice,
}
