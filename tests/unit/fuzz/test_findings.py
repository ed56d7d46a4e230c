"""An input that a fuzzer once found is found no more, and its seeds pass: `tests/fuzz/findings` has
a folder a reader.
"""

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, target

FINDINGS = sorted((Path(__file__).parents[2] / "fuzz" / "findings").glob("*/*"))


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_of_a_reader_pass(name: str) -> None:
    reader = target(name)
    assert len(reader.SEEDS) >= 5
    for seed in reader.SEEDS:
        reader.check(seed)


@pytest.mark.parametrize("file", FINDINGS, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_a_finding_is_mended(file: Path) -> None:
    target(file.parent.name).check(file.read_bytes())
