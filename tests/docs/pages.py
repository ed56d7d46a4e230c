"""The generated pages by their path."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from sandbox.org.server import coverage
from sandbox.org.server.app import build_app, open_org
from tests.docs import api_page, cli_page, metrics_page, redshift_page, settings_page

DOCS = Path(__file__).parents[2] / "docs"


def sandbox_page() -> str:
    """docs/sandbox.md, from an org that is opened for it."""
    with tempfile.TemporaryDirectory() as folder:
        org = open_org(Path(folder))
        try:
            return coverage.page(build_app(org))
        finally:
            org.store.close()


def runbook_copy() -> str:
    """The console's copy of docs/runbook.md, which ships with the package."""
    return (DOCS / "runbook.md").read_text(encoding="utf-8")


PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "settings.md": settings_page.page,
        "metrics.md": metrics_page.page,
        "cli.md": cli_page.page,
        "api_routes.md": api_page.page,
        "sandbox.md": sandbox_page,
        "redshift-standin.md": redshift_page.page,
        "../api/console/runbook.txt": runbook_copy,
    }
)
