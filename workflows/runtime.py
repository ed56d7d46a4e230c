"""Law 9 in a workflow: what operators do to it goes into the audit log, beside whatever else it does."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.ingest.messages import Act
    from workflows.contracts import RECORD


async def keep_record(acts: list[Act]) -> None:
    """Write each act into the audit log as it comes, and take it off the list then. For ever: run it as a task."""
    while True:
        await workflow.wait_condition(lambda: bool(acts))
        act = acts[0]
        await workflow.execute_activity(names.RECORD_ACT, act, summary=f"record {act.act}", **RECORD)
        acts.pop(0)
