"""The benchmarks, which no test runs: they can be imported, and say what they take."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "benchmarks").rglob("*.py")
    if path.stem not in ("__init__", "__main__")
)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_can_be_imported(module: str) -> None:
    assert importlib.import_module(module).__doc__


@pytest.mark.parametrize("module", ["peers", "backfill_under_fire"])
def test_a_benchmark_says_what_it_takes(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [module, "--help"])
    with pytest.raises(SystemExit):
        importlib.import_module(f"benchmarks.{module}").main()
    assert "--report" in capsys.readouterr().out
