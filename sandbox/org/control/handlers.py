"""The handles by which tests and people turn the org: dials, allocations, the clock, faults,
neighbours, old records, a reset.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from sandbox.org.auth.sessions import Sessions
from sandbox.org.bulk.service import Bulk
from sandbox.org.bulk_v1.service import ClassicBulk
from sandbox.org.cometd.clients import Clients
from sandbox.org.control.errors import ControlError
from sandbox.org.control.model import ClockRequest, GapRequest, MeterChange, RawRecord, parsed
from sandbox.org.control.responses import JsonResponse
from sandbox.org.errors import SalesforceError
from sandbox.org.faults.dials import Dials
from sandbox.org.faults.faults import KINDS, FaultRule
from sandbox.org.http_faults import HttpFaults
from sandbox.org.state.org import Org
from sandbox.org.traffic.fill import FillPlan, fill
from sandbox.org.traffic.maker import TrafficMaker
from sandbox.org.traffic.neighbour import Neighbour, NeighbourPlan


@dataclass(slots=True)
class Parts:
    """The org's parts that the control plane reaches."""

    org: Org
    sessions: Sessions
    clients: Clients
    traffic: TrafficMaker
    neighbour: Neighbour
    bulk: Bulk
    classic: ClassicBulk
    outermost: HttpFaults | None = None
    """Set once the application is put together; it has seen the latest calls."""


class Handles:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._org = parts.org

    async def dials(self, request: Request) -> Response:
        """Reads the dials; a PATCH turns those that it names, such as `{"bulk": {"hold":
        true}}`.
        """
        if request.method == "PATCH":
            self._turn(_json_object(await request.body()))
        return JsonResponse(self._org.dials.model_dump())

    async def meters(self, request: Request) -> Response:
        """Reads what is counted over 24 hours; a POST sets `maximum` or `used` of the meters that
        it names.
        """
        meters = self._org.meters.by_name()
        if request.method == "POST":
            changes = _json_object(await request.body())
            if unknown := changes.keys() - meters.keys():
                raise ControlError(
                    f"there is no meter {', '.join(sorted(unknown))}; there are {', '.join(meters)}"
                )
            checked = {name: parsed(MeterChange, orjson.dumps(change)) for name, change in changes.items()}
            for name, wanted in checked.items():
                if wanted.maximum is not None:
                    meters[name].maximum = wanted.maximum
                if wanted.used is not None:
                    meters[name].set_used(wanted.used)
        return JsonResponse(
            {
                name: {"maximum": meter.maximum, "used": meter.used, "refused": meter.refused}
                for name, meter in meters.items()
            }
        )

    async def clock(self, request: Request) -> Response:
        """Tells the org's time; a POST of `{"advance_seconds": n}` lets time pass at once."""
        if request.method == "POST":
            self._org.advance_clock(parsed(ClockRequest, await request.body()).advance_seconds)
        clock = self._org.clock
        return JsonResponse({"now": clock.now().stored, "ahead_seconds": clock.ahead_ms / 1_000})

    async def faults(self, request: Request) -> Response:
        """Lists the faults in force and the kinds there are; POST adds a rule or a list of them,
        DELETE ends all.
        """
        if request.method == "POST":
            body = orjson.loads(await request.body())
            rules = [
                parsed(FaultRule, orjson.dumps(each)) for each in (body if isinstance(body, list) else [body])
            ]
            for rule in rules:
                self._org.faults.add(rule)
        elif request.method == "DELETE":
            self._org.faults.clear()
        return JsonResponse({"rules": list(self._org.faults.listing()), "kinds": KINDS})

    async def neighbour(self, request: Request) -> Response:
        """Another application that spends the same API calls: POST starts it, DELETE stops it."""
        if request.method == "POST":
            self._parts.neighbour.start(parsed(NeighbourPlan, await request.body()))
        elif request.method == "DELETE":
            await self._parts.neighbour.stop()
        return JsonResponse(self._parts.neighbour.state())

    async def fill(self, request: Request) -> Response:
        """Makes old records by the million, without events."""
        plan = parsed(FillPlan, await request.body())
        try:
            made = await fill(self._org, plan)
        except SalesforceError as error:
            raise ControlError(error.message) from error
        return JsonResponse({"object": plan.object, "made": made})

    async def gap(self, request: Request) -> Response:
        """Send a gap event for records: it reports a change without values."""
        wanted = parsed(GapRequest, await request.body())
        try:
            replay_id = self._org.emit_gap(wanted.object, wanted.record_ids, wanted.change)
        except SalesforceError as error:
            raise ControlError(error.message) from error
        return JsonResponse({"replay_id": replay_id})

    async def raw(self, request: Request) -> Response:
        """Stores values of a record unchecked and without an event, as `{"fields": {...}}`:
        queries, polls and bulk jobs return them, right or wrong. A record that is not there is
        made. `"touch": false` leaves SystemModstamp as it is.
        """
        wanted = parsed(RawRecord, await request.body())
        record_id = request.path_params["id"]
        try:
            self._org.write_raw(request.path_params["object"], record_id, wanted.fields, touch=wanted.touch)
        except SalesforceError as error:
            raise ControlError(error.message) from error
        return JsonResponse(
            {"object": request.path_params["object"], "id": wanted.fields.get("Id", record_id)}
        )

    async def reset(self, _request: Request) -> Response:
        """Makes the org empty and untroubled again; its identity, sessions and clock stay."""
        await self._parts.traffic.stop()
        await self._parts.neighbour.stop()
        await self._parts.bulk.reset()
        await self._parts.classic.reset()
        self._org.reset()
        self._parts.clients.forget_all()
        return JsonResponse({"records": self._org.counts})

    def _turn(self, wanted: Mapping[str, Any]) -> None:
        """All or nothing: a wrong value turns no dial."""
        if wrong := [family for family, values in wanted.items() if not isinstance(values, dict)]:
            raise ControlError(f"{', '.join(wrong)}: send an object of dials")
        merged = {
            family: {**values, **wanted.get(family, {})}
            for family, values in self._org.dials.model_dump().items()
        }
        try:
            checked = Dials.model_validate({**wanted, **merged})
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
            )
            raise ControlError(problems) from error
        for family in Dials.model_fields:
            mine: BaseModel = getattr(self._org.dials, family)
            for name, value in getattr(checked, family).model_dump().items():
                setattr(mine, name, value)


def _json_object(body: bytes) -> dict[str, Any]:
    found = orjson.loads(body or b"{}")
    if not isinstance(found, dict):
        raise ControlError("send a JSON object")
    return found
