"""A worker serves one org. A step that is meant for another one is not carried out: it would read,
or write, the wrong org.

Task queues have the same names everywhere, so engines of two orgs in one Temporal namespace
would be handed each other's steps.
"""

from typing import Any

from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from schemas.errors import UnavailableError


class OrgGuardInterceptor(Interceptor):
    """Worker interceptor: a step of another org than `org` ends with `UnavailableError`, and is
    tried again until the right worker has it.
    """

    def __init__(self, org: str) -> None:
        self._org = org

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Inbound(next, self._org)


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, org: str) -> None:
        super().__init__(following)
        self._org = org

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        asked = next((org for each in input.args if (org := _org_of(each)) is not None), self._org)
        if asked != self._org:
            detail = (
                f"a worker of {self._org} was handed a step of {asked}. Give the engine of each org "
                "a Temporal namespace of its own (temporal.namespace in its settings)"
            )
            raise UnavailableError(system=f"org {asked}", detail=detail)
        return await super().execute_activity(input)


def _org_of(argument: Any) -> str | None:
    """The org that an input names, itself or in one of its parts (a batch, a manifest); None when
    it names none.
    """
    for each in (argument, *getattr(argument, "__dict__", {}).values()):
        org = getattr(each, "org", None)
        if isinstance(org, str):
            return org
    return None
