"""Ports of servers that are about to start."""

import sys
from subprocess import PIPE, Popen

from sandbox.ports import free_port

CHOOSE = """
import sandbox.ports as ports
ports._OWN_PORTS = range(31_000, 31_040)
chosen = [ports.free_port() for _ in range(12)]
print(*chosen, flush=True)
input()
"""


def test_two_processes_that_choose_from_few_ports_never_choose_the_same() -> None:
    choosers = [Popen([sys.executable, "-c", CHOOSE], stdin=PIPE, stdout=PIPE, text=True) for _ in range(3)]
    lines = [chooser.stdout.readline() for chooser in choosers if chooser.stdout]
    for chooser in choosers:
        chooser.communicate("\n")
    chosen = [int(port) for line in lines for port in line.split()]
    own = [port for port in chosen if 31_000 <= port < 31_040]
    assert len(chosen) == 36
    assert len(own) == len(set(own)) > 30


def test_a_process_never_gives_a_port_twice() -> None:
    chosen = [free_port() for _ in range(300)]
    assert len(set(chosen)) == 300
