"""The benchmarks, which no test runs: they can be imported, and say what they take."""

import importlib
from pathlib import Path

import pytest

from benchmarks.writeback.load import Load, last_texts

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "benchmarks").rglob("*.py")
    if path.stem not in ("__init__", "__main__")
)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_can_be_imported(module: str) -> None:
    assert importlib.import_module(module).__doc__


@pytest.mark.parametrize(
    "module", ["peers.__main__", "backfill_under_fire", "writeback.__main__", "writeback.locks"]
)
def test_a_benchmark_says_what_it_takes(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [module, "--help"])
    with pytest.raises(SystemExit):
        importlib.import_module(f"benchmarks.{module}").main()
    assert "--report" in capsys.readouterr().out


def test_a_load_is_the_same_each_time_and_every_child_comes_after_its_parent() -> None:
    load = Load(500, "t")
    items = [item for some in load.requests() for item in some]
    assert items == list(load.items())
    assert len({item["key"] for item in items}) == 500
    made: set[str] = set()
    for item in items:
        parents = [value["ExternalId__c"] for value in item["fields"].values() if isinstance(value, dict)]
        assert made.issuperset(parents)
        made.add(item["external_id"])
    assert len(last_texts(iter(items))) == len(made) < 500
