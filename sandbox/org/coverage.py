"""What of Salesforce is here: `docs/sandbox.md`, made from the routes, the RPCs, the faults and the dials as they are.

    python -m sandbox.org.coverage > docs/sandbox.md

A route says what it does and where that is documented in its handler's docstring, so a page that is out of date cannot be
written; a test holds the committed page against what this makes, and fails for a route that names no source.
"""

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

_FAMILIES = (
    ("/services/oauth2", "Logins and sessions"),
    ("/id/", "Logins and sessions"),
    ("/.well-known", "Logins and sessions"),
    ("/services/Soap", "SOAP API"),
    ("/cometd", "Streaming API (CometD)"),
    ("/services/async", "Bulk API 1.0"),
    ("/services/data/v{version}/jobs", "Bulk API 2.0"),
    ("/services/data/v{version}/composite", "Composite resources"),
    ("/services/data/v{version}/tooling", "Tooling API"),
    ("/services/data", "REST API"),
    ("/sandbox", "Control plane (the sandbox's own)"),
)
CONTROL_PLANE = "Control plane (the sandbox's own)"
_SOURCE = re.compile(r"\(([^()]*(?:\"|Guide|Reference|API)[^()]*)\)\s*\.?$")


@dataclass(frozen=True, slots=True)
class Served:
    """One method of one address."""

    family: str
    method: str
    path: str
    what: str
    """The first paragraph of the handler's docstring, without its source."""
    source: str
    """The documentation page; empty for the control plane."""


def served(app: Starlette) -> list[Served]:
    """Everything that `app` answers, trailing slashes left out, in the order of families and addresses."""
    found = {(row.family, row.path, row.method): row for route in app.routes for row in _of_route(route)}
    order = {name: place for place, (_, name) in enumerate(_FAMILIES)}
    return sorted(found.values(), key=lambda row: (order.get(row.family, 99), row.path, row.method))


def _of_route(route: BaseRoute) -> Iterator[Served]:
    if isinstance(route, Mount):
        described = getattr(route.app, "described", None)
        for method, handler in described() if described is not None else ():
            yield _row(method, route.path, handler)
        return
    if not isinstance(route, Route) or (route.path.endswith("/") and len(route.path) > 1):
        return
    handlers = getattr(route.endpoint, "handlers", None)
    if handlers is None:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield _row(method, route.path, route.endpoint)
    elif not getattr(route.endpoint, "is_refusal", False):
        for method, handler in handlers.items():
            yield _row(method, route.path, handler)


def _row(method: str, path: str, handler: Any) -> Served:
    paragraph = " ".join((inspect.getdoc(handler) or "").split("\n\n")[0].split())
    source = _SOURCE.search(paragraph)
    what = paragraph[: source.start()].rstrip(" .") if source else paragraph.rstrip(".")
    return Served(_family(path), method, path, what, source[1] if source else "")


def _family(path: str) -> str:
    return next((name for prefix, name in _FAMILIES if path.startswith(prefix)), "Other")


def without_source(rows: Iterable[Served]) -> list[str]:
    """The addresses whose handlers do not say what they do or where that is documented."""
    return [
        f"{row.method} {row.path}"
        for row in rows
        if not row.what or (not row.source and row.family != CONTROL_PLANE)
    ]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _served_sections(rows: list[Served]) -> Iterator[str]:
    for family in dict.fromkeys(row.family for row in rows):
        yield f"### {family}"
        cells = [(f"`{row.method} {row.path}`", row.what, row.source) for row in rows if row.family == family]
        yield _table(("call", "what it does", "documented in"), cells)
