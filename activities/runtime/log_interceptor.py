"""The step at hand, in every line that is logged while it runs."""

from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from clients.telemetry.log_context import fields_of_workflow, log_fields


class LogFieldsInterceptor(Interceptor):
    """Worker interceptor: workflow, run, step, attempt, batch and trace id are fields of each line.

    It must lie outside of the interceptor that logs failures.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Inbound(next)


class _Inbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        info = activity.info()
        fields = fields_of_workflow(info.workflow_id or "", info.workflow_run_id or "")
        with log_fields(**fields, activity=info.activity_type, attempt=info.attempt):
            return await super().execute_activity(input)
