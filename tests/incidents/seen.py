"""Times that a test of an incident has seen: until the look named it, and until it was clean
again. A line each in `var/incidents.tsv`, with the load of the machine.
"""

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

FILE = Path(__file__).parents[2] / "var" / "incidents.tsv"
_HEADER = "at\tincident\tnamed\tseconds until named\tseconds until clean\tload of 1 min"


@dataclass
class Seen:
    """Of one test."""

    incident: str
    named: list[str] = field(default_factory=list)
    until_named: list[float] = field(default_factory=list)
    until_clean: float | None = None

    def name(self, code: str, began: float) -> None:
        """The look has named the problem; `began`: when the test began to look, monotonic."""
        self.named.append(code)
        self.until_named.append(time.monotonic() - began)

    def clean(self, began: float) -> None:
        """The look is clean again."""
        self.until_clean = time.monotonic() - began

    def write(self) -> None:
        """Add the line."""
        FILE.parent.mkdir(exist_ok=True)
        is_new = not FILE.exists()
        named = ", ".join(self.named) or "-"
        seconds = ", ".join(f"{each:.1f}" for each in self.until_named) or "-"
        clean = "-" if self.until_clean is None else f"{self.until_clean:.1f}"
        at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        line = "\t".join([at, self.incident, named, seconds, clean, f"{os.getloadavg()[0]:.1f}"])
        with FILE.open("a", encoding="utf-8") as file:
            file.write(f"{_HEADER}\n{line}\n" if is_new else f"{line}\n")
