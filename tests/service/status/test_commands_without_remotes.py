"""Every command that looks, against remote systems that are absent, and that take a connection and
say nothing: one sentence and an exit code, never a traceback.
"""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import main
from cli.output import EXIT_FAILED, EXIT_REFUSED, EXIT_UNAVAILABLE
from clients.storage.objects import S3Address
from tests.support.command_line import settings_file_of

pytestmark = [pytest.mark.service, pytest.mark.slow]

LOOKS = (
    "status",
    "trace 001000000000001AAA",
    "plan",
    "drift",
    "budget show",
    "budget recheck",
    "quality show",
    "quality list",
    "audit list",
    "audit verify",
    "reconcile start Case",
    "reconcile list",
    "reconcile show Case",
    "backfill start Case",
    "backfill pause Case",
    "backfill list",
    "backfill show Case",
    "replay list",
    "replay show changes",
    "refresh Case",
    "quarantine list",
    "quarantine show changes/1 0",
    "lane list",
    "lane show changes",
    "lane pause changes",
    "lane resume changes",
    "lane move changes origin --reason because",
    "planner pin Case poll --reason because",
    "writeback list",
    "writeback show 1",
    "writeback batches",
    "writeback latency",
    "writeback pause --all --reason because",
)


@pytest.fixture(scope="module")
def frozen() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listening:
        yield listening.getsockname()[1]


@pytest.fixture(params=["absent", "frozen"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, frozen: int) -> Path:
    port = frozen if request.param == "frozen" else 1
    address = f"127.0.0.1:{port}"
    s3 = S3Address("b", "eu-central-1", "alias/k", f"http://{address}", "key", "secret")
    return settings_file_of(
        tmp_path,
        org="00DTg0000000001MAA",
        database=f"postgresql://nobody@{address}/none",
        temporal=address,
        s3=s3,
    )


@pytest.mark.parametrize("words", LOOKS)
def test_a_command_ends_with_a_sentence_when_nothing_answers(
    words: str, settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("workers.clients.CONNECTED_WITHIN", 1.0)
    monkeypatch.setattr(sys, "argv", ["tidegate", *words.split(), "--settings", str(settings)])
    code = main._run()
    told = capsys.readouterr()
    assert code in (0, EXIT_FAILED, EXIT_REFUSED, EXIT_UNAVAILABLE), told
    assert "Traceback" not in told.err + told.out
    if words not in ("status", "budget show"):  # they show what does not answer
        assert code == EXIT_UNAVAILABLE, told
        assert "unavailable" in told.err
