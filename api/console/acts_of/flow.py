"""Acts on what flows: lanes, runs, reconciliations, the plan."""

from http import HTTPStatus

from starlette.exceptions import HTTPException

from api.console.acts import Choice, ConsoleAct, Done, Fields
from api.console.live import Visit
from api.console.render import path_part
from api.problems import not_found
from api.routes import RUNS, lanes
from api.routes.reconciliations import RESOURCE as RECONCILIATIONS, ReconciliationRequest
from api.runs.kinds import RunResource, ask_for_run
from api.runs.models import Reason
from api.runs.routes import steer_run
from clients.temporal.planner import pin_object
from clients.temporal.run_kinds import RunAct
from clients.temporal.run_views import look
from schemas.errors import ActRefusedError
from schemas.ingest.messages import PauseInput
from schemas.planner import PinInput, Way
from schemas.reconcile import Depth

_LANE = {
    "pause": "It stops after what has been landed. The org's event bus keeps the rest for 72 hours; then changes are lost to the "
    "stream, and are read again by query.",
    "resume": "It follows again from its position. Changes of the time between arrive first.",
}
_RUN = {
    "pause": "It does nothing more until somebody resumes it.",
    "resume": "It goes on where it was paused.",
    "cancel": "It ends. What was done stays done.",
}
_LET_GO = "let the plan decide"


def _lane_act(act: str) -> ConsoleAct:
    async def says(visit: Visit, fields: Fields) -> list[str]:
        await lanes.lane(fields["lane"], visit.parts)  # 404 for one that does not run
        return [f"Lane {fields['lane']}: {act}.", _LANE[act]]

    async def does(visit: Visit, fields: Fields, reason: str, key: str) -> Done:  # noqa: ARG001 -- asked twice is the same
        route = lanes.pause if act == "pause" else lanes.resume
        await route(fields["lane"], Reason(reason=reason), visit.parts, visit.session.caller)
        back = f"/console/lanes/{path_part(fields['lane'])}"
        return Done(f"The lane {fields['lane']} was asked to {act}; its page shows when it has.", back)

    return ConsoleAct(f"lane-{act}", f"{act.capitalize()} the lane", ("lane",), says, does)


def _run_act(act: RunAct) -> ConsoleAct:
    async def says(visit: Visit, fields: Fields) -> list[str]:
        kind = _resource(fields)
        found = await look(visit.parts.client, kind.workflow_of(visit.parts.org, fields["id"]))
        if found is None:
            raise not_found(kind.noun, "/console/runs")
        return [f"{kind.noun.capitalize()} {fields['id']}: {act}. It is {found.status} now.", _RUN[act]]

    async def does(visit: Visit, fields: Fields, reason: str, key: str) -> Done:  # noqa: ARG001
        request = PauseInput(by=visit.session.caller.name, reason=reason)
        await steer_run(visit.parts, _resource(fields), fields["id"], request, act)
        back = f"/console/runs/{fields['kind']}/{fields['id']}"
        return Done(f"The run was asked to {act}; its page shows when it has.", back)

    title = f"{act.capitalize()} the run"
    return ConsoleAct(f"run-{act}", title, ("kind", "id"), says, does, is_grave=act == "cancel")


def _resource(fields: Fields) -> RunResource:
    for each in RUNS:
        if each.path == fields["kind"] and each.kind.acts:
            return each
    raise not_found("kind of run that can be steered", "/console/runs")


async def _says_reconcile(visit: Visit, fields: Fields) -> list[str]:  # noqa: ARG001
    return [
        "An object's rows are held against the org: counts first, and records only where they differ.",
        "It costs some API calls of the class reconciliation. With depth ids or fields: one for each 250,000 records, or more.",
        "With repair, differences are read again and applied. Without, they are named and left.",
    ]


async def _reconcile(visit: Visit, fields: Fields, reason: str, key: str) -> Done:
    request = ReconciliationRequest.model_validate(
        {
            "object": fields["object"],
            "depth": fields["depth"],
            "repairs": fields["repairs"] == "with repair",
            "reason": reason,
        }
    )
    started = await ask_for_run(visit.parts, RECONCILIATIONS, request, key=key, caller=visit.session.caller)
    run_id = RECONCILIATIONS.run_id(visit.parts.org, started.workflow_id)
    word = "has begun" if started.is_new else "was under way"
    return Done(
        f"The reconciliation of {fields['object']} {word}.", f"/console/runs/reconciliations/{run_id}"
    )


async def _says_pin(visit: Visit, fields: Fields) -> list[str]:
    visit.parts.catalogue.object(fields["object"])
    return [
        f"{fields['object']} goes the way that you choose, whatever it costs, until somebody lets it go.",
        "A plan is made at once, for all objects.",
    ]


async def _pin(visit: Visit, fields: Fields, reason: str, key: str) -> Done:  # noqa: ARG001
    way = None if fields["way"] == _LET_GO else Way(fields["way"])
    asked = PinInput(object=fields["object"], way=way, by=visit.session.caller.name, reason=reason)
    try:
        view = await pin_object(visit.parts.client, visit.parts.org, asked)
    except ActRefusedError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from error
    if view is None:
        raise not_found("planner", "/console/budget")
    return Done(f"{fields['object']}: {fields['way']}. The plan was made again.", "/console/budget")


_RECONCILE = ConsoleAct(
    "reconcile",
    "Reconcile",
    ("object",),
    _says_reconcile,
    _reconcile,
    choices=(
        Choice("depth", "Depth", tuple(Depth)),
        Choice("repairs", "Differences", ("with repair", "without repair")),
    ),
    asks_object=True,
)
_PIN = ConsoleAct(
    "pin", "Pin the object", ("object",), _says_pin, _pin, choices=(Choice("way", "Way", (*Way, _LET_GO)),)
)
FLOW_ACTS = (
    _lane_act("pause"),
    _lane_act("resume"),
    _run_act("pause"),
    _run_act("resume"),
    _run_act("cancel"),
    _RECONCILE,
    _PIN,
)
