"""`make fuzz`: atheris over one reader, or over each in turn. SECONDS each; findings do not end
a run.
"""

import argparse
import subprocess
import sys

from tests.fuzz.session import FINDINGS, LOGS, run
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Exit code 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=TARGETS, help=f"of {', '.join(TARGETS)}; none = all")
    parser.add_argument("--seconds", type=int, default=600, help="of each target")
    parser.add_argument("--here", action="store_true", help="in this process; atheris never returns")
    asked = parser.parse_args()
    if asked.here:
        run(asked.targets[0], asked.seconds)
    LOGS.mkdir(parents=True, exist_ok=True)
    for name in asked.targets:
        command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(asked.seconds), "--here"]
        with (LOGS / f"{name}.log").open("wb") as log:
            code = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
        line = LOGS / f"{name}.txt"
        sys.stdout.write(
            line.read_text() if code == 0 and line.exists() else f"{name}: died, see {log.name}\n"
        )
        sys.stdout.flush()
    return int(any(FINDINGS.glob("*/*")))


if __name__ == "__main__":
    sys.exit(main())
