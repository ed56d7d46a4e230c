"""The page of what is covered: up to date, and every route with its source."""

import re
from pathlib import Path

import pytest

from sandbox.org.faults.behaviours import BEHAVIOURS
from sandbox.org.server.app import build_app
from sandbox.org.server.coverage import page, served, without_source
from tests.sandbox.org_in_process import new_org

ROOT = Path(__file__).parents[3]


@pytest.fixture
def app(tmp_path):
    org = new_org(tmp_path)
    yield build_app(org)
    org.store.close()


def test_every_route_and_rpc_says_what_it_does_and_where_that_is_documented(app):
    assert without_source(served(app)) == []


def test_the_committed_page_is_what_the_code_makes(app):
    committed = (ROOT / "docs" / "sandbox.md").read_text()
    assert page(app) == committed, "run: python -m sandbox.org.server.coverage > docs/sandbox.md"


def test_every_behaviour_names_a_test_that_exists():
    text = "".join(path.read_text() for path in (ROOT / "tests" / "sandbox").rglob("test_*.py"))
    tests = set(re.findall(r"def (test_\w+)", text))
    assert {behaviour.test for behaviour in BEHAVIOURS} <= tests
