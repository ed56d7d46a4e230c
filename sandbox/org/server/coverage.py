"""Write `docs/sandbox.md`, the list of Salesforce features served here, from the routes, the RPCs,
the faults and the dials.

    python -m sandbox.org.server.coverage > docs/sandbox.md

A route says what it does and where that is documented in its handler's docstring, so a page that
is out of date cannot be written; a test holds the committed page against what this makes, and
fails for a route that names no source.
"""

import ast
import inspect
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from sandbox.org.faults.behaviours import BEHAVIOURS
from sandbox.org.faults.dials import Dials
from sandbox.org.faults.faults import KINDS
from sandbox.org.pubsub.handlers import PubSub
from sandbox.org.rest.not_built import NOT_BUILT
from sandbox.org.server.app import build_app, open_org
from schemas.eventbus import pubsub_api_pb2 as wire

_FAMILIES = (
    ("/services/oauth2", "Logins and sessions"),
    ("/id/", "Logins and sessions"),
    ("/.well-known", "Logins and sessions"),
    ("/secur", "Logins and sessions"),
    ("/services/Soap", "SOAP API"),
    ("/cometd", "Streaming API (CometD)"),
    ("/services/async", "Bulk API 1.0"),
    ("/services/data/v{version}/jobs", "Bulk API 2.0"),
    ("/services/data/v{version}/composite", "Composite resources"),
    ("/services/data/v{version}/tooling", "Tooling API"),
    ("/services/data", "REST API"),
    ("eventbus", "Pub/Sub API (gRPC)"),
    ("/sandbox", "Control plane (the sandbox's own)"),
)
CONTROL_PLANE = "Control plane (the sandbox's own)"
_SOURCE = re.compile(r"\(((?:[^()]|\([^()]*\))*(?:\"|Guide|Reference|API)(?:[^()]|\([^()]*\))*)\)\s*\.?$")


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
    """Everything that `app` answers, trailing slashes left out, in the order of families and
    addresses.
    """
    found = {(row.family, row.path, row.method): row for route in app.routes for row in _of_route(route)}
    found |= {(row.family, row.path, row.method): row for row in rpcs()}
    order = {name: place for place, (_, name) in enumerate(_FAMILIES)}
    return sorted(found.values(), key=lambda row: (order.get(row.family, 99), row.path, row.method))


def _of_route(route: BaseRoute) -> Iterator[Served]:
    if isinstance(route, Mount):
        described = getattr(route.app, "described", None)
        for method, handler in described() if described is not None else ():
            yield _row(method, route.path, handler)
        return
    if not isinstance(route, Route) or "{rest:path}" in route.path or route.path.endswith("/"):
        return
    if route.path.removeprefix("/services/data/v{version}") in NOT_BUILT or _below_not_built(route.path):
        return
    operations = {} if route.path.endswith(":path}") else getattr(route.endpoint, "operations", {})
    for operation, handler in operations.items():
        yield _row(operation, route.path, handler)
    handlers = getattr(route.endpoint, "handlers", None)
    if handlers is None:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield _row(method, route.path, route.endpoint)
    else:
        for method, handler in handlers.items():
            yield _row(method, route.path, handler)


def _below_not_built(path: str) -> bool:
    bare = path.removeprefix("/services/data/v{version}")
    return any(bare.startswith(f"{refused}/{{") for refused in NOT_BUILT)


def rpcs() -> list[Served]:
    """The Pub/Sub API's RPCs."""
    names = [method.name for method in wire.DESCRIPTOR.services_by_name["PubSub"].methods]
    return [_row("RPC", f"eventbus.v1.PubSub/{name}", getattr(PubSub, name)) for name in names]


def _row(method: str, path: str, handler: Any) -> Served:
    text = inspect.getdoc(handler) or ""
    source = _SOURCE.search(" ".join(text.split()))
    first = " ".join(text.split("\n\n")[0].split())
    what = first.removesuffix(f"({source[1]}).").rstrip(" .") if source else first.rstrip(".")
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


def _dials() -> Iterator[tuple[str, str, str]]:
    for family, value in Dials().model_dump().items():
        documented = _field_docs(type(getattr(Dials(), family)))
        for name, default in value.items():
            yield f"`{family}.{name}`", f"`{default}`", documented.get(name, "")


def _field_docs(model: type) -> dict[str, str]:
    """The docstring below each field; pydantic does not keep it, so it is read from the source."""
    tree = ast.parse(inspect.getsource(model).strip())
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    found = {}
    for field, following in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            found[field.target.id] = str(following.value.value)
    return found


def page(app: Starlette) -> str:
    """The whole of docs/sandbox.md."""
    rows = served(app)
    refused = ((f"`{path}`", what) for path, what in sorted(NOT_BUILT.items()))
    kinds = (
        (f"`{point}`", f"`{kind}`", what) for point, found in KINDS.items() for kind, what in found.items()
    )
    parts = [
        _INTRODUCTION.format(count=len(rows)),
        "## What is served",
        *_served_sections(rows),
        "## What is refused by name",
        "Resources that every org has and this one has not answer 501 and `NOT_BUILT`; what no org has answers 404. Paths are below "
        "`/services/data/vXX.X`.",
        _table(("path", "what it is"), refused),
        "## Behaviours",
        "None of them was checked against a live org: each is from the page that it names, and held by the test that it names.",
        _table(("behaviour", "from", "test"), ((b.what, b.source, f"`{b.test}`") for b in BEHAVIOURS)),
        "## Dials",
        '`GET` and `PATCH /sandbox/dials`, such as `{"bulk": {"hold": true}}`.',
        _table(("dial", "default", "what it does"), _dials()),
        "## Faults",
        "`POST /sandbox/faults` takes a rule: `point`, `kind`, `match` (part of the call, object or channel), `probability`, `times`, "
        "`after`, `seconds`, `status`, `code`, `message`, `fields`, `seed`.",
        _table(("point", "kind", "what happens"), kinds),
        _GAPS,
    ]
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = """# The sandbox org: what is covered

Generated by `python -m sandbox.org.server.coverage > docs/sandbox.md` from the routes, handlers, dials and faults themselves: {count}
calls and RPCs. `tidegate sandbox up` starts it; `/sandbox` on its HTTP port is a page about its state.

Everything here is from documentation: where the documentation is silent, the wording is ours and the code says so."""
_GAPS = """## Known gaps

- XML bodies and answers of the REST API, SOSL and `convertCurrency` are refused.
- SOQL knows the scopes `everything`, `mine`, `team` and `delegated`; those of territories, approvals and scoping rules are refused.
- No page tells of these what an org shows: a `TYPEOF` without a WHEN or an ELSE for the record's object (here its address alone),
  subtotals of no record (here no row), gRPC reflection (here UNIMPLEMENTED). `DISTANCE` is along a globe of 6,371 km.
- Standard objects beyond the catalogue have the fields that tools ask for, not all of theirs; `IsClosed` and `IsWon` follow the stage,
  `Probability` does not.
- A user's rights are those of one profile, which stands for permission sets, too. Roles, queues and teams share nothing.
- A merge and a conversion ask for no permission beyond the session. No Apex class can be written, so Author Apex is no permission here.
- CometD and Pub/Sub let in a user without API Enabled: no page says in which words they refuse one.
- By SOAP, `search` is refused; the metadata, Apex and Tooling APIs refuse everything.
- Platform events are published by `/sobjects/X__e` and by Pub/Sub alone, and ask for no permission.
- Of a record that a transaction changes and then deletes or brings back, Salesforce's guide shows no event. By its sentence the event
  has the kind of the first change (dial `first_kind`); here it is a DELETE or an UNDELETE, as a replica could not follow else. What changed before the delete is in no event.
- Formulas are of three kinds (a parent's field, days since, a roll-up), set up in `sandbox/org/schema/setup.yaml`, and stay out of events.
- `DailyBulkV2QueryFileStorageMB` is reported and not enforced, nor is the day that an ingest job may stay open.
- `TODAY()`-like fields count by the machine's clock, not by the org's when that is ahead."""


def main() -> None:
    """Print the page."""
    with tempfile.TemporaryDirectory() as folder:
        org = open_org(Path(folder))
        sys.stdout.write(page(build_app(org)))
        org.store.close()


if __name__ == "__main__":
    main()
