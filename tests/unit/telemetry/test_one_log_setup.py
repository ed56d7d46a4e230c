"""Logs are set up in one place: a second one would let libraries' lines through, with their
URLs.
"""

import re
from pathlib import Path

import pytest

from clients.telemetry.log_lines import OURS

ROOT = Path(__file__).parents[3]
SETS_UP = re.compile(r"\b(basicConfig|addHandler|dictConfig|fileConfig)\(|\.setLevel\(")
ALLOWED = {"clients/telemetry/log_setup.py"}


@pytest.mark.parametrize("package", OURS)
def test_nothing_else_sets_up_logging(package: str) -> None:
    files = (file for file in (ROOT / package).rglob("*.py"))
    found = {str(file.relative_to(ROOT)) for file in files if SETS_UP.search(file.read_text())}
    assert found <= ALLOWED
