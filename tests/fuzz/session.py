"""One run of atheris over one reader.

A finding is kept and the run goes on: libFuzzer itself would end at the first. An input that keeps
the processor busy for long is a finding too; one that never ends is cut off by libFuzzer, which
keeps it.
"""

import hashlib
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.targets import target

_ROOT = Path(__file__).parents[2]
LOGS = _ROOT / "var" / "fuzz"
FINDINGS = LOGS / "findings"
SLOW_SECONDS = 2.0
"""Processor time that no input of `MOST_BYTES` may take."""
MOST_BYTES = 16_384
_HANG_SECONDS = 120
_INSTRUMENTED = [
    "clients",
    "transforms",
    "schemas",
    "activities",
    "api",
    "sandbox",
    "lark",
    "fastapi",
    "csv",
    "json",
]


class Session:
    """Calls the reader, counts, and keeps what it finds."""

    def __init__(self, name: str, check: Callable[[bytes], None]) -> None:
        self.name = name
        self.runs = 0
        self.began = time.monotonic()
        self._check = check
        self._known: set[str] = set()
        self._folder = FINDINGS / name

    def one(self, data: bytes) -> None:
        """One input."""
        self.runs += 1
        began = time.process_time()
        try:
            self._check(data)
        except Exception as error:
            self._keep(data, _place(error), traceback.format_exc())
        if (took := time.process_time() - began) > SLOW_SECONDS:
            self._keep(data, "slow", f"{len(data)} bytes took {took:.1f} s of processor time")

    def summary(self) -> str:
        """A line for people."""
        minutes = (time.monotonic() - self.began) / 60
        return f"{self.name}: {self.runs:,} runs in {minutes:.1f} minutes, {len(self._known)} findings\n"

    def _keep(self, data: bytes, place: str, words: str) -> None:
        if place in self._known:
            return
        self._known.add(place)
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / hashlib.sha256(data).hexdigest()[:12]
        file.write_bytes(data)
        file.with_suffix(".txt").write_text(f"{place}\n{words}")


def _place(error: BaseException) -> str:
    """Findings of one place are one."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if str(_ROOT) in frame.filename), frames[-1])
    return f"{type(error).__name__} {Path(last.filename).name}:{last.lineno}"


def run(name: str, seconds: int) -> None:
    """Fuzz the reader for this long, and end the process."""
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED, enable_loader_override=False):
        module = target(name)
    corpus, words = LOGS / "corpus" / name, LOGS / f"{name}.dict"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in module.SEEDS:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in module.WORDS))
    session = Session(name, module.check)
    options = [
        f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", f"-timeout={_HANG_SECONDS}", "-rss_limit_mb=3000",
        f"-dict={words}", f"-artifact_prefix={FINDINGS / name}-", "-verbosity=1",
    ]  # fmt: skip

    def once(data: bytes) -> None:
        session.one(data)
        if session.runs % 100 == 0 or time.monotonic() - session.began > seconds - 1:
            (LOGS / f"{name}.txt").write_text(session.summary())

    FINDINGS.mkdir(parents=True, exist_ok=True)
    atheris.Setup([sys.argv[0], *options, str(corpus)], once)
    atheris.Fuzz()


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())
