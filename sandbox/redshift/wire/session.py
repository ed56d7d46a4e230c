"""One session: each message of the client is answered before the next one is read.

After an error everything is ignored until Sync, on both sides. A refusal is a statement that
PostgreSQL cannot parse, whose error is replaced by ours: so it breaks the transaction as any error
does. A statement that must hold a lock first gets a transaction around it where the client has
none.
"""

import asyncio
import logging
import struct

from sandbox.redshift.plan.planner import Planner
from sandbox.redshift.plan.plans import Ends, Kind, Plan, RefusedError
from sandbox.redshift.statement_times import StatementClock
from sandbox.redshift.wire import frames
from sandbox.redshift.wire.backend import Backend, BackendError
from sandbox.redshift.wire.errors import redshift_fields
from sandbox.redshift.wire.frames import Frame
from sandbox.redshift.wire.login import Client
from sandbox.redshift.worker import Worker

_BROKEN = "stand-in refuses"
"""No statement begins so, today or later."""
_log = logging.getLogger(__name__)


class FailedError(Exception):
    """A statement has failed; `fields` are for the client."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields.get("M", ""))
        self.fields = fields


class Session:
    """Answers the messages of one client."""

    def __init__(
        self, client: Client, backend: Backend, planner: Planner, worker: Worker, clock: StatementClock
    ) -> None:
        self._client = client
        self._backend = backend
        self._planner = planner
        self._worker = worker
        self._clock = clock
        self._statements: dict[str, Plan] = {}
        self._portals: dict[str, Plan] = {}
        self._is_skipping = False
        self._has_opened = False
        """True while a transaction is open that the client has not begun."""
        backend.aside = self._aside

    async def serve(self) -> None:
        """Answer until the client leaves."""
        while True:
            await self._client.writer.drain()
            try:
                frame = await frames.read_frame(self._client.reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if frame.kind == b"X":
                return
            self._clock.begin()
            if frame.kind == b"S":
                self._is_skipping = False
                await self._end_pipeline()
            elif frame.kind == b"Q":
                await self._query(frames.first_text(frame.body)[0])
            elif not self._is_skipping and frame.kind != b"H":
                await self._extended(frame)

    async def _extended(self, frame: Frame) -> None:
        take = {
            b"P": self._parse,
            b"B": self._bind,
            b"D": self._describe,
            b"E": self._execute,
            b"C": self._close,
        }.get(frame.kind)
        try:
            await (take or self._unknown)(frame)
        except FailedError as error:
            await self._fail(error.fields)
            self._is_skipping = True

    async def _unknown(self, frame: Frame) -> None:
        """COPY's data, and calls of functions: a client has no use for them."""
        await self._refuse({"C": "0A000", "M": f"Redshift has no message of type {frame.kind!r}"})

    async def _fail(self, fields: dict[str, str]) -> None:
        """Send the error; from here PostgreSQL ignores everything until Sync as well."""
        self._client.send(frames.error(fields))

    async def _refuse(self, fields: dict[str, str]) -> None:
        """Break the transaction, and fail."""
        await self._backend.exchange(frames.parse("", _BROKEN), b"1")
        raise FailedError(fields)

    async def _plan_of(self, text: str) -> list[Plan]:
        self._clock.is_of(text)
        with self._clock.planning():
            return await self._planned(text)

    async def _planned(self, text: str) -> list[Plan]:
        try:
            if self._planner.is_known(text):
                return self._planner.plan(text)
            return await asyncio.to_thread(self._planner.plan, text)
        except RefusedError as refused:
            _log.info("refused by %s: %s", refused.rule.name, text)
            await self._refuse(refused.fields)
            raise

    async def _parse(self, frame: Frame) -> None:
        name, rest = frames.first_text(frame.body)
        text, types = frames.first_text(rest)
        plans = await self._plan_of(text)
        if len(plans) > 1:
            await self._refuse(
                {"C": "42601", "M": "cannot insert multiple commands into a prepared statement"}
            )
        if plans and plans[0].kind is Kind.CARRY_OUT:
            self._statements[name] = plans[0]
            self._client.send(frames.PARSE_COMPLETE)
            return
        sent = plans[0].text if plans else ""
        await self._relay(frames.parse(name, sent, frames.spare_types(sent, types)), b"1")
        self._statements.pop(name, None)
        if plans:
            self._statements[name] = plans[0]

    async def _bind(self, frame: Frame) -> None:
        portal, rest = frames.first_text(frame.body)
        plan = self._statements.get(frames.first_text(rest)[0])
        self._portals.pop(portal, None)
        if plan is not None:
            self._portals[portal] = plan
            if plan.kind is Kind.CARRY_OUT:
                self._client.send(frames.BIND_COMPLETE)
                return
            await self._prepare(plan)
        await self._relay(frame, b"2")

    async def _describe(self, frame: Frame) -> None:
        name = frames.first_text(frame.body[1:])[0]
        is_statement = frame.body[:1] == b"S"
        plan = (self._statements if is_statement else self._portals).get(name)
        if plan is not None and plan.kind is Kind.CARRY_OUT:
            self._client.send(*([frames.NO_PARAMETERS] if is_statement else []), frames.NO_DATA)
            return
        await self._relay(frame, b"T", b"n")

    async def _execute(self, frame: Frame) -> None:
        plan = self._portals.get(frames.first_text(frame.body)[0])
        if plan is not None and plan.kind is Kind.CARRY_OUT:
            await self._carry_out(plan)
            return
        await self._relay(frame, b"C", b"I", b"s", plan=plan)
        if plan is not None:
            await self._follow(plan)

    async def _close(self, frame: Frame) -> None:
        name = frames.first_text(frame.body[1:])[0]
        (self._statements if frame.body[:1] == b"S" else self._portals).pop(name, None)
        await self._relay(frame, b"3")

    async def _query(self, text: str) -> None:
        try:
            plans = await self._plan_of(text)
            if not plans:
                self._client.send(Frame(b"I"))
            is_several = len(plans) > 1 and all(plan.ends is Ends.INSIDE for plan in plans)
            for plan in plans:
                await self._prepare(plan, is_several=is_several)
                if plan.kind is Kind.CARRY_OUT:
                    await self._carry_out(plan)
                    continue
                await self._simple(plan)
                await self._follow(plan)
        except FailedError as error:
            await self._fail(error.fields)
        await self._end_pipeline()

    async def _simple(self, plan: Plan) -> None:
        self._backend.send(frames.query(plan.text))
        failed = None
        async for answer in self._backend.answers(frames.READY):
            if answer.kind == frames.ERROR:
                failed = frames.error_fields(answer.body)
            elif answer.kind != frames.READY:
                self._client.send(self._tagged(answer, plan))
                await self._client.writer.drain()
        if failed is not None:
            raise FailedError(redshift_fields(failed))

    async def _relay(self, sent: Frame, *last: bytes, plan: Plan | None = None) -> None:
        """Send a frame to PostgreSQL and its answers to the client."""
        self._backend.send(sent, frames.FLUSH)
        async for answer in self._backend.answers(*last):
            if answer.kind == frames.ERROR:
                raise FailedError(redshift_fields(frames.error_fields(answer.body)))
            self._client.send(self._tagged(answer, plan))
            if answer.kind == b"D":
                await self._client.writer.drain()

    def _tagged(self, answer: Frame, plan: Plan | None) -> Frame:
        if answer.kind == b"C" and plan is not None and plan.tag is not None:
            return frames.complete(plan.tag)
        return answer

    async def _prepare(self, plan: Plan, *, is_several: bool = False) -> None:
        """Everything that must happen before the statement takes its snapshot."""
        needs = is_several or (plan.ends is Ends.INSIDE and plan.needs_transaction)
        try:
            if needs and self._backend.status == b"I" and not self._has_opened:
                await self._backend.run("BEGIN")
                self._has_opened = True
            await self._worker.before(self._backend, plan)
        except BackendError as error:
            raise FailedError(redshift_fields(error.fields)) from error
        except RefusedError as refused:
            await self._refuse(refused.fields)

    async def _carry_out(self, plan: Plan) -> None:
        await self._prepare(plan)
        try:
            tag = await self._worker.carry_out(self._backend, plan)
        except BackendError as error:
            raise FailedError(redshift_fields(error.fields)) from error
        except RefusedError as refused:
            await self._refuse(refused.fields)
        except Exception:
            _log.exception("a statement was not carried out")
            await self._refuse({"C": "XX000", "M": "the stand-in has failed; its log says how"})
        else:
            self._client.send(frames.complete(tag))

    async def _follow(self, plan: Plan) -> None:
        """Keep the state of the transaction, which PostgreSQL only reports at Sync."""
        if plan.ends is Ends.BEGINS:
            self._backend.status = b"T"
        elif plan.ends in (Ends.COMMITS, Ends.ROLLS_BACK):
            self._backend.status = b"I"
            await self._worker.ended()
        elif plan.ends is Ends.COMMITS_ITSELF and (self._backend.status != b"I" or self._has_opened):
            await self._backend.run("COMMIT")
            self._backend.status, self._has_opened = b"I", False
            await self._worker.ended()

    async def _end_pipeline(self) -> None:
        """Answer Sync: end the transaction that we have opened, and say what the state is."""
        failed: dict[str, str] | None = None
        if self._has_opened:
            failed = await self._end_ours()
        answers = await self._backend.sync()
        if self._backend.status == b"E" and self._has_opened:
            await self._backend.run("ROLLBACK")
            answers = await self._backend.sync()
        self._has_opened = False
        if failed is not None:
            self._client.send(frames.error(failed))
        if self._backend.status == b"I":
            await self._worker.ended()
        self._client.send(answers[-1])
        await self._client.writer.drain()
        self._clock.end()

    async def _end_ours(self) -> dict[str, str] | None:
        """Commit the transaction that we have opened; the error's fields when that fails."""
        state = (await self._backend.sync())[-1].body
        if state != b"T":
            return None
        try:
            await self._worker.commits(self._backend)
            await self._backend.run("COMMIT")
        except BackendError as error:
            return redshift_fields(error.fields)
        return None

    async def _aside(self, frame: Frame) -> None:
        if frame.kind == frames.NOTICE:
            self._client.send(frame)
            return
        name, rest = frames.first_text(frame.body)
        for told in reported({name: frames.first_text(rest)[0]}):
            self._client.send(told)


def reported(parameters: dict[str, str]) -> list[Frame]:
    """The parameters of PostgreSQL that Redshift reports, as it reports them."""
    names = ("DateStyle", "TimeZone", "integer_datetimes", "is_superuser", "session_authorization")
    return [frames.parameter_status(name, parameters[name]) for name in names if name in parameters]


def key_frame(process: int, secret: int) -> Frame:
    return Frame(b"K", struct.pack("!ii", process, secret))
