"""Acts of the stand-in itself, around a statement or instead of it, for one session."""

from sandbox.redshift.isolation import Isolation
from sandbox.redshift.latency import Latency
from sandbox.redshift.load.copy import Loader
from sandbox.redshift.load.statements import Copy, Unload
from sandbox.redshift.load.unload import Unloader
from sandbox.redshift.plan.plans import Ends, Plan
from sandbox.redshift.wire.backend import Backend


class Worker:
    """Locks before writes, conflicts before commits, COPY and UNLOAD."""

    def __init__(self, isolation: Isolation, loader: Loader, unloader: Unloader, latency: Latency) -> None:
        self._isolation = isolation
        self._loader = loader
        self._unloader = unloader
        self._latency = latency

    async def before(self, backend: Backend, plan: Plan) -> None:
        """Act before a statement takes its snapshot. Raises `BackendError` or
        `RefusedError`.
        """
        if plan.ends is Ends.COMMITS:
            await self.commits(backend)
        elif plan.ends is Ends.INSIDE and backend.status != b"E":
            await self._isolation.before(backend, plan)

    async def carry_out(self, backend: Backend, plan: Plan) -> str:
        """Do a statement that PostgreSQL lacks; the tag of its CommandComplete."""
        asked = plan.work.arguments if plan.work is not None else None
        if isinstance(asked, Copy):
            async with self._latency.copying():
                return f"COPY {await self._loader.copy(backend, asked)}"
        if isinstance(asked, Unload):
            return f"UNLOAD {await self._unloader.unload(backend, asked)}"
        raise ValueError(f"no work for {plan.verb}")

    async def commits(self, backend: Backend) -> None:
        """Called before a commit. Raises `RefusedError` for a conflict."""
        if backend.status != b"E":
            await self._isolation.commits()
            await self._latency.committing()

    async def ended(self) -> None:
        """The transaction is over."""
        self._isolation.ended()
