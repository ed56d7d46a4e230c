"""Every route says what it is, who may call it, and how it refuses; the document and its page can
be read by anybody.
"""

import re
from typing import Any

import pytest

from api.app import build_api
from api.docs_page import docs_page
from api.routes import ROUTERS, RUNS
from schemas.security.access import CallerRole
from tests.support.engines.served_api import settings_for

DOCUMENT: dict[str, Any] = build_api(settings_for()).inner.openapi()
OPERATIONS = {
    f"{method.upper()} {path}": found
    for path, methods in DOCUMENT["paths"].items()
    for method, found in methods.items()
}
CLOSED = {name: found for name, found in OPERATIONS.items() if found["x-tidegate-role"] != "anybody"}


def roles(found: dict[str, Any]) -> set[str]:
    """Who may call it, besides operators."""
    return {found["x-tidegate-role"], *found.get("x-tidegate-also", ())}


def test_every_route_is_in_the_document() -> None:
    assert len(OPERATIONS) == sum(len(router.routes) for router in ROUTERS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_route_has_a_summary_of_its_own_and_a_role(name: str) -> None:
    found = OPERATIONS[name]
    assert found["summary"][0].isupper()
    assert found["x-tidegate-role"] in {*map(str, CallerRole), "anybody"}
    assert found["tags"]


def test_only_looking_is_open_to_readers_and_only_health_to_anybody() -> None:
    assert {name for name in OPERATIONS if name not in CLOSED} == {"GET /healthz", "GET /readyz"}
    assert [
        n for n, found in CLOSED.items() if found["x-tidegate-role"] == "reader" and not n.startswith("GET ")
    ] == ["POST /v1/records/{object}/batch"], "a thousand ids fit no URL"
    assert [name for name, found in CLOSED.items() if found["x-tidegate-role"] == "guest"] == [
        "POST /v1/leases"
    ]
    writers = {n: found for n, found in CLOSED.items() if "writer" in roles(found)}
    assert writers
    assert all("/v1/writebacks" in name for name in writers)


@pytest.mark.parametrize("name", CLOSED)
def test_a_route_documents_its_errors_in_the_one_form(name: str) -> None:
    found = CLOSED[name]
    assert found["security"] == [{"bearer": []}]
    errors = {status: each for status, each in found["responses"].items() if status >= "4"}
    assert "text/plain" in errors.pop("431")["content"], "it is answered before the request is read"
    assert {"401", "403", "422", "503"} <= set(errors)
    assert "404" in errors or not re.search(r"{|/plan$", name)
    for each in errors.values():
        schema = each["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/ProblemDetails"}


@pytest.mark.parametrize("resource", RUNS, ids=lambda each: each.path)
def test_a_kind_of_run_is_asked_for_with_a_key_or_without_and_may_be_looked_at(resource: Any) -> None:
    start = OPERATIONS[f"POST /v1/{resource.path}"]
    [key] = [each for each in start["parameters"] if each["name"] == "Idempotency-Key"]
    assert (key["required"], "409" in start["responses"], "202" in start["responses"]) == (False, True, True)
    body = start["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert DOCUMENT["components"]["schemas"][body]["examples"]
    view = OPERATIONS[f"GET /v1/{resource.path}/{{id}}"]["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    assert resource.kind.state.__name__ in view["$ref"]
    steered = {
        act for act in ("pause", "resume", "cancel") if f"POST /v1/{resource.path}/{{id}}/{act}" in OPERATIONS
    }
    assert steered == set(resource.kind.acts)


def test_every_reference_leads_somewhere() -> None:
    named = set(re.findall(r"#/components/schemas/([^\"']+)", str(DOCUMENT)))
    assert named - set(DOCUMENT["components"]["schemas"]) == set()


def test_the_page_shows_every_route_and_fetches_nothing_from_elsewhere() -> None:
    page = docs_page(DOCUMENT)
    assert [name for name in OPERATIONS if name not in page] == []
    assert re.findall(r"<(?:script|img|link|iframe)|https?://|@import", page) == []


@pytest.mark.parametrize("resource", RUNS, ids=lambda each: each.path)
def test_the_id_of_a_run_in_urls_leads_back_to_its_workflow(resource: Any) -> None:
    workflow = f"{resource.kind.prefix('ORG')}Case/2026-11-01T00:00:00Z..now"
    run_id = resource.run_id("ORG", workflow)
    assert ("/" in run_id, resource.workflow_of("ORG", run_id)) == (False, workflow)
