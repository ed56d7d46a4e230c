"""Every command that asks a remote system, against remote systems that are absent, and that take a
connection and say nothing: one sentence and an exit code, never a traceback.
"""

import shlex
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import main
from cli.language.grammar import split_example
from cli.output import EXIT_FAILED, EXIT_REFUSED, EXIT_UNAVAILABLE
from clients.storage.objects import S3Address
from tests.support.command_line import settings_file_of
from tests.unit.cli.test_grammar import LEAVES

pytestmark = [pytest.mark.service, pytest.mark.slow]

APART = {"demo", "up", "sandbox", "worker", "api", "metrics", "config", "doctor", "catalogue", "fleet"}
"""Commands that start processes, ask no remote system, or are there to say which one is away."""
SHOWS = {"status", "budget show", "plan"}
"""They show what does not answer, or reckon without it."""
LACK_A_PART = {"warehouse fill", "warehouse copies"}
"""They ask a read copy, which only an engine before Redshift has, and say so."""
ASKS = sorted(words for words in LEAVES if words.split()[0] not in APART)


def example_of(words: str) -> list[str]:
    """The example of a command's help, which can be typed; one look of it where it would watch."""
    _, example = split_example(LEAVES[words].help or "")
    return [each for each in shlex.split(example)[1:] if each != "--watch"]


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
        # Without them a command about anchors, or about versions, asks for the setting alone.
        audit={"bucket": "anchors", "signing_key_id": "alias/signs"},
        deployment={"on": True},
    )


@pytest.mark.parametrize("words", ASKS)
def test_a_command_ends_with_a_sentence_when_nothing_answers(
    words: str, settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("clients.temporal.connection.CONNECTED_WITHIN", 1.0)
    monkeypatch.setattr(sys, "argv", ["tidegate", *example_of(words), "--settings", str(settings)])
    code = main._run()
    told = capsys.readouterr()
    assert code in (0, EXIT_FAILED, EXIT_REFUSED, EXIT_UNAVAILABLE), told
    assert "Traceback" not in told.err + told.out
    if words in LACK_A_PART:
        assert code == EXIT_REFUSED, told
    elif words not in SHOWS:
        assert code == EXIT_UNAVAILABLE, told
        assert "unavailable" in told.err


def test_every_command_is_asked_or_apart() -> None:
    first = {words.split()[0] for words in LEAVES}
    assert first >= APART, "a name that no command has any more"
    assert len(ASKS) > 40
