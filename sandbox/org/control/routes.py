"""`/sandbox`: health, state, traffic, events of a test's own making, time limits, and all records
for verification.
"""

from collections.abc import AsyncIterator
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from sandbox.org.control.errors import ControlError, answering_errors
from sandbox.org.control.events import EventHandles
from sandbox.org.control.export import RecordExport
from sandbox.org.control.fields import FieldHandles
from sandbox.org.control.handlers import Handles, Parts
from sandbox.org.control.model import RetentionRequest, parsed
from sandbox.org.control.operations import OperationHandles
from sandbox.org.control.page import control_page
from sandbox.org.control.permissions import PermissionHandles
from sandbox.org.control.responses import JsonResponse
from sandbox.org.events.event_schema import HEADER
from sandbox.org.schema.exact import dumps, loads
from sandbox.org.traffic.plan import TrafficPlan

_PLACEHOLDER_ENTITY = "Case"


def routes(parts: Parts) -> list[BaseRoute]:
    """The control plane of an org. It asks for no token: it listens on loopback only."""
    handlers = _Handlers(parts)
    handles = Handles(parts)
    fields = FieldHandles(parts.org)
    permissions = PermissionHandles(parts.org)
    operations = OperationHandles(parts.org)
    events = EventHandles(parts.org)
    return [
        Route("/sandbox", handlers.page),
        Route("/sandbox/health", handlers.health),
        Route("/sandbox/state", handlers.state),
        Route("/sandbox/traffic", answering_errors(handlers.traffic), methods=["GET", "POST", "DELETE"]),
        Route("/sandbox/inject", answering_errors(handlers.inject), methods=["POST"]),
        Route("/sandbox/retention", answering_errors(handlers.retention), methods=["POST"]),
        Route("/sandbox/dials", answering_errors(handles.dials), methods=["GET", "PATCH"]),
        Route("/sandbox/meters", answering_errors(handles.meters), methods=["GET", "POST"]),
        Route("/sandbox/clock", answering_errors(handles.clock), methods=["GET", "POST"]),
        Route("/sandbox/faults", answering_errors(handles.faults), methods=["GET", "POST", "DELETE"]),
        Route("/sandbox/neighbour", answering_errors(handles.neighbour), methods=["GET", "POST", "DELETE"]),
        Route("/sandbox/fill", answering_errors(handles.fill), methods=["POST"]),
        Route("/sandbox/gap", answering_errors(handles.gap), methods=["POST"]),
        Route(
            "/sandbox/fields/{object}",
            answering_errors(fields.fields),
            methods=["GET", "POST", "PATCH", "DELETE"],
        ),
        Route("/sandbox/permissions", answering_errors(permissions.permissions), methods=["GET", "PATCH"]),
        Route("/sandbox/platform-events", answering_errors(events.platform_events), methods=["GET", "POST"]),
        Route("/sandbox/users", answering_errors(permissions.users), methods=["GET", "POST"]),
        Route("/sandbox/sharing", answering_errors(permissions.sharing), methods=["GET", "PATCH", "POST"]),
        Route("/sandbox/operations", answering_errors(operations.operations), methods=["POST"]),
        Route("/sandbox/reset", answering_errors(handles.reset), methods=["POST"]),
        Route("/sandbox/disconnect", handlers.disconnect, methods=["POST"]),
        Route("/sandbox/sessions/expire", handlers.expire_sessions, methods=["POST"]),
        Route("/sandbox/person-accounts", answering_errors(fields.persons), methods=["GET", "POST"]),
        Route("/sandbox/records/{object}", answering_errors(handlers.records)),
        Route("/sandbox/records/{object}/{id}/raw", answering_errors(handles.raw), methods=["PUT"]),
    ]


class _Handlers:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._org = parts.org
        self._sessions = parts.sessions
        self._clients = parts.clients
        self._traffic = parts.traffic

    async def page(self, _request: Request) -> Response:
        """Shows the org at a glance, for a person."""
        outermost = self._parts.outermost
        return HTMLResponse(control_page(self._parts, outermost.calls if outermost else ()))

    async def health(self, _request: Request) -> Response:
        """Says that the org serves."""
        return JsonResponse({"status": "ok", "org_id": self._org.identity.org_id})

    async def state(self, _request: Request) -> Response:
        """Tells what the org holds and has done."""
        org = self._org
        return JsonResponse(
            {
                "edition": org.edition,
                "records": org.counts,
                "deleted": org.deleted_counts,
                "events": {
                    "held": org.bus.held,
                    "newest_replay_id": org.bus.newest,
                    "oldest_replay_id": org.bus.oldest,
                    "purged_through": org.bus.purged_through,
                    "retention_seconds": org.bus.retention_ms / 1000,
                },
                "changes_committed": org.changes_committed,
                "delivered_events": self._org.meters.delivered_events.used,
                "sessions": len(self._sessions),
                "cometd_clients": len(self._clients),
                "cometd_held": self._clients.held,
                "pubsub_streams": org.pubsub_streams,
                "traffic": self._traffic.state(),
            }
        )

    async def traffic(self, request: Request) -> Response:
        """Tells how the traffic goes; POST starts a run, DELETE ends it."""
        if request.method == "POST":
            self._traffic.start(parsed(TrafficPlan, await request.body()))
        elif request.method == "DELETE":
            await self._traffic.stop()
        return JsonResponse(self._traffic.state())

    async def inject(self, request: Request) -> Response:
        """Puts an event of a test's own on the bus: `data` (an object; its replayId, and a `schema`
        that is left out, are filled in) or `raw` (text as it is, which Pub/Sub carries under a
        schema that nobody knows). `data` that Avro cannot say is refused, unless `unchecked` is
        true: then CometD carries it and Pub/Sub tells a gap.
        """
        body = loads(await request.body())
        if "raw" in body:
            text = str(body["raw"]).encode()
            entity = str(body.get("entity", _PLACEHOLDER_ENTITY))
        elif isinstance(body.get("data"), dict):
            entity, text = self._event(
                body["data"], body.get("entity"), checked=body.get("unchecked") is not True
            )
        else:
            raise ControlError('send {"data": {...}} or {"raw": "..."}')
        return JsonResponse({"replay_id": self._org.publish_raw(entity, text)})

    def _event(self, data: dict[str, Any], entity: str | None, *, checked: bool) -> tuple[str, bytes]:
        """Object and bytes of an event; raises `ControlError` for one that the two transports
        cannot both carry.
        """
        payload = data.get("payload")
        header = payload.get(HEADER) if isinstance(payload, dict) else None
        named = header.get("entityName") if isinstance(header, dict) else None
        entity = str(entity or named or _PLACEHOLDER_ENTITY)
        channels = self._org.channels
        whole = {"schema": channels.schema_ids.get(entity, ""), "event": {"replayId": "$REPLAY_ID"}, **data}
        if checked:
            codec = channels.codec(str(whole["schema"]))
            wrong = (
                f"there is no event schema {whole['schema']!r}; leave `schema` out for the current one"
                if codec is None
                else "it has no payload with a ChangeEventHeader"
                if not isinstance(payload, dict) or not isinstance(header, dict)
                else codec.refusal(payload)
            )
            if wrong:
                raise ControlError(
                    f'the Pub/Sub API cannot carry this event: {wrong}. "unchecked": true sends it anyhow'
                )
        return entity, dumps(whole).replace(b'"$REPLAY_ID"', b"$REPLAY_ID")

    async def retention(self, request: Request) -> Response:
        """Sets how long events are held; 0 expires all there are."""
        wanted = parsed(RetentionRequest, await request.body())
        self._org.bus.set_retention(int(wanted.seconds * 1000), self._org.clock.now().epoch_ms)
        return JsonResponse(
            {"retention_seconds": wanted.seconds, "purged_through": self._org.bus.purged_through}
        )

    async def disconnect(self, _request: Request) -> Response:
        """Forgets every CometD client, as an org does that moves to another host."""
        return JsonResponse({"forgotten": self._clients.forget_all()})

    async def expire_sessions(self, _request: Request) -> Response:
        """Ends every session."""
        return JsonResponse({"expired": self._sessions.close_all()})

    async def records(self, request: Request) -> Response:
        """Gives every record of an object, deleted ones too, as lines of JSON, for verification."""
        name = request.path_params["object"]
        spec = self._org.store.objects.get(name)
        if spec is None:
            raise ControlError(f"the org has no object {name}", 404)
        limit = int(request.query_params.get("limit", "0")) or None
        export = RecordExport(self._org.store, spec, request.query_params.get("after", ""), limit)

        async def pages() -> AsyncIterator[bytes]:
            try:
                while page := await anyio.to_thread.run_sync(export.next_page):
                    yield page
            finally:
                export.close()

        return StreamingResponse(pages(), media_type="application/x-ndjson")
