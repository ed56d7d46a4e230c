"""Whatever the OpenAPI document allows, and much that it forbids, is answered as it says, and never
with a fault of ours. `make test-api-fuzz`; EXAMPLES says how many requests an operation gets.
"""

import asyncio
import os
from pathlib import Path

import pytest

from clients.warehouse.live_catalogue import LiveCatalogue
from schemas.catalogue import default_catalogue
from tests.support.engines.applied_records import AppliedRecords, changed, record_id
from tests.support.engines.served_api import ServedApi
from transforms.pii import Protector
from workers.security.keys import open_key_ring

pytestmark = [
    pytest.mark.fuzz,
    pytest.mark.service,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]
ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / ".venv-clients" / "fuzz" / "bin" / "schemathesis"
EXAMPLES = os.environ.get("EXAMPLES", "100")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


async def run(api: ServedApi, caller: str, *options: str) -> tuple[int, str]:
    """Its exit code and what it prints."""
    process = await asyncio.create_subprocess_exec(
        *(str(PROGRAM), "run", f"{api.http.base_url}/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {api.tokens[caller]}"),
        *("--checks", CHECKS, "--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing"),
        # A dry run of writebacks and a file have to wait for others.
        *("--request-timeout", "90", "--suppress-health-check", "all", "--seed", "1"),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace")


@pytest.mark.parametrize("caller", ["operator", "writer", "eraser"])
async def test_no_request_is_answered_by_a_fault_or_by_what_the_document_does_not_say(
    api: ServedApi, caller: str
) -> None:
    assert PROGRAM.exists(), "run it by `make test-api-fuzz`, which installs schemathesis"
    code, output = await run(api, caller)
    failures = output.partition("= FAILURES =")[2].partition("= WARNINGS =")[0]
    shown = "\n".join(line[:500] for line in (failures or output).splitlines())
    assert code == 0, shown[-20_000:]


async def test_reads_of_records_and_changes_are_answered_as_the_document_says(api: ServedApi) -> None:
    """By a reader of every object: the callers above may read no record. A stream has no end."""
    catalogue = LiveCatalogue.over(default_catalogue(), api.warehouse)
    ring = open_key_ring(api.settings, api.store, api.warehouse, catalogue)
    writer = AppliedRecords(api.warehouse, api.store, catalogue, Protector(ring, catalogue))
    writer.apply(changed("Case", record_id("500", 1), 1, "CREATE", Status="New"))
    chosen = ("--include-path-regex", "^/v1/(records|changes)", "--exclude-path", "/v1/changes/stream")
    code, output = await run(api, "records", *chosen)
    failures = output.partition("= FAILURES =")[2].partition("= WARNINGS =")[0]
    assert code == 0, (failures or output)[-20_000:]
