"""The org's budgets, in one place, forever: every call to Salesforce is paid for by a lease from
here (law 5).

The handler of an exchange never waits. What the org says itself comes from two sides: processes
pass on the counts that every response carries, and this workflow has the Limits API read every
minute, which also shows the allocations that no response mentions. Its own question is counted
before it is asked.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.governor import (
        Budget,
        Exchange,
        LeaseAnswer,
        Reading,
        ReadLimitsInput,
    )
    from schemas.governor.recheck import RecheckAnswer, RecheckInput
    from schemas.ingest.messages import Act
    from transforms.governor.ledger import BudgetLedger
    from workflows.contracts.governor import READ_LIMITS
    from workflows.origins import act_of, asked_by
    from workflows.runtime import failure_message, is_history_long, keep_record, run

_QUESTION_CALLS = 2
"""API calls that one reading may take: one, and one more when the session has expired."""


@workflow.defn(name=names.GOVERNOR_WORKFLOW)
class GovernorWorkflow:
    """`governor/{org}`. Updates: exchange, recheck. Query: books."""

    @workflow.init
    def __init__(self, books: BudgetLedger) -> None:
        self._books = books
        self._trouble = ""
        self._acts: list[Act] = []

    @workflow.run
    async def run(self, books: BudgetLedger) -> None:  # noqa: ARG002 -- @workflow.init has taken it
        recorder = asyncio.create_task(keep_record(self._acts))
        while self._acts or not is_history_long():
            await self._read_limits()
            self._show()
            try:
                await workflow.wait_condition(is_history_long, timeout=self._books.terms.read_every)
            except TimeoutError:
                continue
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() and not self._acts)
        recorder.cancel()
        workflow.continue_as_new(self._books)

    async def _read_limits(self) -> tuple[Reading, ...]:
        """A failure is shown, not raised: leases go on from what is known, and the next reading is
        a minute away.
        """
        self._books.books[Budget.API_CALLS].prepay(_QUESTION_CALLS, self._now())
        try:
            question = ReadLimitsInput(org=self._books.org, calls=_QUESTION_CALLS)
            result = await run(READ_LIMITS, question, summary="read the org's limits")
        except ActivityError as error:
            self._trouble = failure_message(error)
            return ()
        self._trouble = ""
        return self._books.hear(result, self._now())

    @workflow.update(name=names.EXCHANGE)
    def exchange(self, exchange: Exchange) -> LeaseAnswer:
        """Hear what a process has spent and what the org told it; grant what it may have."""
        return self._books.exchange(exchange, self._now())

    @workflow.update(name=names.RECHECK)
    async def recheck(self, request: RecheckInput) -> RecheckAnswer:
        """Read the org's limits now, and forget refusals where the reading shows room.

        Processes that hold a refusal ask again within `ASK_AGAIN`.
        """
        refused = self._books.refused
        if request.only_refused and not refused:
            return RecheckAnswer()
        detail = f"{request.budget or 'every budget'}: {request.reason}"
        self._acts.append(act_of("budget.recheck", request.by, detail, asked_by()))
        readings = await self._read_limits()
        found = self._books.recheck(request.budget, refused, readings, self._now())
        self._show()
        return RecheckAnswer(budgets=found, trouble="" if readings else self._trouble)

    @workflow.query(name=names.BOOKS)
    def books(self) -> BudgetLedger:
        """The books as they are, with the terms: enough to forecast from."""
        return self._books

    def _now(self) -> float:
        return workflow.now().timestamp()

    def _show(self) -> None:
        self._books.let_time_pass(self._now())
        rows = ["| budget | maximum | used | granted | left |", "|---|--:|--:|--:|--:|"]
        for book in self._books.books.values():
            known = "not read yet" if book.maximum is None else f"{book.maximum:,}"
            left = max(0, book.room(self._books.terms))
            rows.append(
                f"| {book.budget} | {known} | {book.used_at_most():,} | {book.alive():,} | {left:,} |"
            )
        trouble = f"\n\n> The limits cannot be read: {self._trouble}" if self._trouble else ""
        workflow.set_current_details("\n".join(rows) + trouble)
