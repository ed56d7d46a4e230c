"""The metric of a request: by its route's template, never by its path, which may hold ids."""

from starlette.types import Scope

from clients.metrics.work import HTTP_SECONDS

_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
_UNMATCHED = "unmatched"


def observe_request(scope: Scope, status: int, seconds: float) -> None:
    """Observe a request that is answered. What a caller may choose freely is no label."""
    route = getattr(scope.get("route"), "path", _UNMATCHED)
    method = scope["method"] if scope["method"] in _METHODS else "other"
    HTTP_SECONDS.labels(route, method, str(status)).observe(seconds)
