"""A short way for the read that is made most: one record as it is now.

FastAPI examines each parameter and dependency of a route again for each request. For a read without
parameters that takes as long as all the rest of it.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.routes.records.access import MOST_TAGS, Ask
from api.routes.records.answers import MOST_ID, MOST_NAME

_NONE_MATCH = "if-none-match"
Plain = Callable[[Ask, str, str], Awaitable[Response]]


def plain_reads(read: Plain) -> type[APIRoute]:
    """The class of a route `/{object}/{id}` that has `read` answer requests without parameters.

    The conditions of the route are checked as for any request, and what is too long is left to
    FastAPI, which says so.
    """

    class PlainReads(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            usual = super().get_route_handler()
            checks = [each.dependency for each in self.dependencies if each.dependency is not None]

            async def handle(request: Request) -> Response:
                name, record_id = request.path_params["object"], request.path_params["id"]
                tags = request.headers.get(_NONE_MATCH)
                is_long = len(name) > MOST_NAME or len(record_id) > MOST_ID or len(tags or "") > MOST_TAGS
                if request.scope["query_string"] or is_long:
                    return await usual(request)
                for check in checks:
                    await check(request)
                return await read(Ask.of(request, tags), name, record_id)

            return handle

    return PlainReads
