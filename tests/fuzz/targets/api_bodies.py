"""Bodies of the HTTP API: accepted, or refused as a problem; never a fault of ours.

The first byte chooses the route. Routes do nothing here; `make test-api-fuzz` asks the real ones.
"""

import asyncio
import inspect
import json
import re
from typing import Any

import httpx
import orjson
from fastapi import FastAPI, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import handle_problems
from api.routes import ROUTERS
from tests.fuzz.targets.intake_files import check_writeback
from tests.support.builders.writebacks import asked


def _app() -> tuple[FastAPI, list[tuple[str, str]]]:
    """The API's routes that take a body, each with nothing but its body; and which they are."""
    app, found = FastAPI(), []
    for route in (route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)):
        taken = {each.name for each in route.dependant.body_params}
        if not taken:
            continue
        signature = inspect.signature(route.endpoint, eval_str=True)
        parameters = [each for name, each in signature.parameters.items() if name in taken]

        async def door(**_: Any) -> Response:
            return Response(status_code=204)

        door.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
        )
        path = re.sub("[{}]", "", route.path)
        methods = sorted(route.methods or ())
        app.add_api_route(path, door, methods=methods)
        found.append((methods[0], path))
    handle_problems(app)
    return app, sorted(found)


def _with_id(app: ASGIApp) -> ASGIApp:
    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["request_id"] = "fuzz"
        await app(scope, receive, send)

    return called


_APP, _ROUTES = _app()
_LOOP = asyncio.new_event_loop()
_CLIENT = httpx.AsyncClient(
    transport=httpx.ASGITransport(_with_id(_APP), raise_app_exceptions=True), base_url="http://api"
)
_WRITEBACKS = orjson.dumps({"writebacks": [asked()]})
SEEDS = tuple(
    bytes([place]) + body
    for place in range(len(_ROUTES))
    for body in (_WRITEBACKS, b'{"object": "Case", "reason": "r"}')
)
WORDS = (
    '"writebacks":', '"object":', '"external_id":', '"fields":', '"numbers":', '"reason":', '"since":', '"until":',
    '"2026-11-25T12:00:00Z"', '"Case"', '"\\ud800"', "1e999", "NaN", '"key":', '"all":true', '"force":', '"batch":',
)  # fmt: skip


def check(data: bytes) -> None:
    """2xx or 4xx, and each writeback in it prepared or refused."""
    if not data:
        return
    method, path = _ROUTES[data[0] % len(_ROUTES)]
    body = data[1:]
    sent = _CLIENT.request(method, path, content=body, headers={"Content-Type": "application/json"})
    answer = _LOOP.run_until_complete(sent)
    assert answer.status_code < 500, f"{method} {path}: {answer.status_code}"
    if answer.status_code < 300 and path.endswith("/writebacks"):
        for index, item in enumerate(json.loads(body)["writebacks"][:20]):
            check_writeback(index, item)
