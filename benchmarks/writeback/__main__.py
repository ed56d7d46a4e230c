"""Ten thousand writebacks a minute through the HTTP API, beside a surge of changes and amid faults:
when each is in the org, and how often.

Two rows in a hundred meet a lock; one write call in a hundred is reset before or after it was
carried out, or so slow that it is given up; and everything is paused for a minute. Told are the
seconds from acceptance until it is done, the calls, the dead letters, and by the org's own event
log whether each had one effect. Then, amid the same faults, a sample of the same writebacks goes
by a call a record, and by the PyPI package lht. Prints one JSON object.

    python -m benchmarks.writeback [--minutes 10] [--rate 10000] [--surge 120000] [--pause 60]
        [--report FILE]

`make bench-writeback` installs lht first. `--minutes 1 --rate 1000 --surge 6000 --pause 5` is a
small one.
"""

import argparse
import asyncio
import json
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from benchmarks.peers.contestants import RunningOrg
from benchmarks.writeback.load import Load, last_texts, wait_for_api
from benchmarks.writeback.proof import not_arrived, one_effect
from benchmarks.writeback.senders import by_lht, log_in, one_call_a_record
from cli.api import local_token
from cli.local.engine_processes import settings_of
from cli.local.measurements import ProcessMeter
from cli.local.surge import run_surge, wait_for_followers
from cli.local.up import Running, running_all
from sandbox.org.data.store import DATABASE_FILE
from sandbox.ports import free_port
from schemas import names
from schemas.ids import writeback_queue_id
from schemas.writeback.messages import DEADLINE, QueueInput, WritebackControl
from workers.clients import connect_temporal
from workers.settings import Settings

_SUBMITTERS = 4
_REST_SECONDS = 1_200
"""How long what waits at the end may take."""
_WRITES = ("PATCH /services/data/v67.0/composite", "POST /services/data/v67.0/composite", "v67.0/jobs/ingest")
_OTHERS_WRITES = ("PATCH /services/data/v67.0/sobjects", "v62.0/jobs/ingest")
_GIVEN_UP_SECONDS = 25
"""Longer than a short call is waited for."""


def main() -> None:
    """Run and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as temporary:
        folder, port = Path(temporary), free_port()
        folder.chmod(0o755)
        with running_all(folder, fresh=True, api_port=port) as running:
            wait_for_followers(running.endpoints)
            api = f"http://127.0.0.1:{port}"
            wait_for_api(api)
            figures = Bench(running, folder, api, arguments).run()
    text = json.dumps(figures, indent=2) + "\n"
    sys.stdout.write(text)
    if arguments.report is not None:
        arguments.report.write_text(text)
    if figures["is_exact"] is False:
        raise SystemExit("a writeback had no effect and no dead letter, or more than one effect")


@dataclass
class Bench:
    """One run."""

    running: Running
    folder: Path
    api: str
    arguments: argparse.Namespace

    def __post_init__(self) -> None:
        self.org = self.running.endpoints.salesforce
        self.dsn = self.running.endpoints.operational.dsn
        self.org_file = self.folder / "salesforce" / DATABASE_FILE
        self.load = Load(round(self.arguments.minutes * self.arguments.rate), "w")

    def run(self) -> dict[str, Any]:
        """The figures."""
        self._trouble()
        surge = _Surge(self.running, self.arguments)
        meter = ProcessMeter(self.running.roots())
        meter.start()
        with surge:
            submitting = Submitting(self.api, local_token(self.folder)[0], self.load, self.arguments.rate)
            submitting.start()
            pause = self._pause_midway(submitting)
            submitting.join()
            rest = self._settled()
        meter.stop()
        _say("comparing with the org's own events")
        effects = one_effect(self.org_file, self.dsn, log_in(self.org)["id"].rpartition("/")[2])
        found = {
            **{
                name: getattr(self.arguments, name)
                for name in ("minutes", "rate", "surge", "pause", "sample")
            },
            **submitting.figures(),
            **self._store_figures(),
            "rest_seconds": rest,
            "one_effect": effects,
            "is_exact": _is_exact(effects) and rest is not None,
            "pause_midway": pause,
            "surge_beside": surge.figures,
            "cpu_seconds_by_process": meter.cpu_seconds(),
            "peak_memory_mb": round(meter.peak.pss / 1e6),
            "trouble": self._struck(),
        }
        return found | {"others": self._others()}

    def _trouble(self) -> None:
        share = self.arguments.lost
        rules: list[dict[str, Any]] = [
            {"point": "row", "kind": "error", "code": "UNABLE_TO_LOCK_ROW", "probability": self.arguments.locked,
             "message": "unable to obtain exclusive access to this record", "seed": 11},
        ]  # fmt: skip
        for number, match in enumerate((*_WRITES, *_OTHERS_WRITES)):
            for kind, part in (("reset_before", 0.3), ("reset_after", 0.4), ("latency", 0.3)):
                rule = {"point": "http", "kind": kind, "match": match, "probability": share * part}
                rules.append({**rule, "seconds": _GIVEN_UP_SECONDS, "seed": 100 + number})
        rules = [rule for rule in rules if rule["probability"]]
        httpx.post(
            f"{self.org.control_url}/faults", json=rules, timeout=30, trust_env=False
        ).raise_for_status()

    def _struck(self) -> dict[str, int]:
        told = httpx.get(f"{self.org.control_url}/faults", timeout=30, trust_env=False).json()["rules"]
        found: dict[str, int] = {}
        for rule in told:
            name = f"{rule['point']} {rule['kind']}"
            found[name] = found.get(name, 0) + rule["struck"]
        return found

    def _pause_midway(self, submitting: "Submitting") -> dict[str, Any] | None:
        if not self.arguments.pause:
            return None
        while submitting.share() < 0.4 and submitting.is_alive():
            time.sleep(0.2)
        _say("pausing")
        asked = time.monotonic()
        asyncio.run(self._signal(names.PAUSE))
        while not self._sql("SELECT count(*) FROM writeback_pause")[0][0]:
            time.sleep(0.05)
        acknowledged = self._sql("SELECT now()")[0][0]
        seconds = time.monotonic() - asked
        time.sleep(self.arguments.pause)
        before = self._sql("SELECT now()")[0][0]
        asyncio.run(self._signal(names.RESUME))
        _say("resumed")
        # By the org's clock, in whole seconds.
        sent = (
            "SELECT count(*) FROM writeback_batch WHERE sent_at > %s + interval '1 second' AND sent_at < %s"
        )
        return {
            "seconds": self.arguments.pause,
            "acknowledged_after_seconds": round(seconds, 2),
            "batches_begun_while_paused": self._sql(sent, acknowledged, before)[0][0],
        }

    async def _signal(self, signal: str) -> None:
        client = await connect_temporal(Settings.model_validate(settings_of(self.running.endpoints)))
        control = WritebackControl(by="benchmark", reason="a minute's pause", whole_org=True)
        await client.start_workflow(
            names.WRITEBACK_QUEUE_WORKFLOW,
            QueueInput(org=self.org.org_id, object="Case"),
            id=writeback_queue_id(self.org.org_id, "Case"),
            task_queue=names.WORKFLOW_QUEUE,
            start_signal=signal,
            start_signal_args=[control],
        )

    def _settled(self) -> float | None:
        """Seconds until nothing waits and nothing is under way; None when that takes too long."""
        began = time.monotonic()
        while time.monotonic() - began < _REST_SECONDS:
            (left,) = self._sql("SELECT count(*) FROM writeback WHERE state IN ('waiting', 'open')")[0]
            if not left:
                return round(time.monotonic() - began, 1)
            _say(f"{left:,} left")
            time.sleep(2)
        return None

    def _store_figures(self) -> dict[str, Any]:
        taken = "extract(epoch FROM done_at - accepted_at)"
        quantiles = self._sql(
            f"SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99, 1.0]) WITHIN GROUP (ORDER BY {taken}), "
            f"count(*) FILTER (WHERE {taken} < %s) FROM writeback WHERE state = 'done'",
            DEADLINE.total_seconds(),
        )[0]
        states = dict(self._sql("SELECT state, count(*) FROM writeback GROUP BY state"))
        count = max(sum(states.values()), 1)
        calls, batches = self._sql("SELECT COALESCE(sum(calls), 0), count(*) FROM writeback_batch")[0]
        carriers = self._sql(
            "SELECT carrier, count(*), sum(size), sum(calls) FROM writeback_batch GROUP BY carrier ORDER BY carrier"
        )
        dead = self._sql(
            "SELECT state, code, count(*) FROM writeback WHERE state NOT IN ('done') GROUP BY state, code ORDER BY 3 DESC"
        )
        return {
            "states": states,
            "accepted_to_done_seconds": dict(
                zip(
                    ("p50", "p95", "p99", "max"),
                    (round(each, 2) for each in quantiles[0] or ()),
                    strict=False,
                )
            ),
            "share_in_five_minutes": round(quantiles[1] / count, 5),
            "dead_letters": states.get("dead", 0),
            "not_done": [{"state": state, "code": code, "count": number} for state, code, number in dead],
            "calls": int(calls),
            "calls_per_1000": round(int(calls) / count * 1_000, 2),
            "batches": batches,
            "by_carrier": [
                {"carrier": name, "batches": number, "entries": int(size), "calls": int(spent)}
                for name, number, size, spent in carriers
            ],
            "tries": dict(self._sql("SELECT attempts::text, count(*) FROM writeback GROUP BY 1 ORDER BY 1")),
        }

    def _others(self) -> dict[str, Any]:
        """The sample by others, when the surge is over: each gets an org that does nothing else."""
        if not self.arguments.sample:
            return {}
        files = RunningOrg(self.folder / "salesforce", self.running.endpoints)
        senders: dict[str, tuple[str, Callable[[Load], dict[str, Any]]]] = {
            "a call a record": ("n", lambda load: one_call_a_record(self.org, load)),
            "lht 3.0.0": ("l", lambda load: by_lht(self.org, files, load)),
        }
        found = {}
        for name, (prefix, send) in senders.items():
            _say(f"{name}: {self.arguments.sample:,} writebacks")
            load = Load(self.arguments.sample, prefix)
            found[name] = send(load)
            found[name]["records_not_as_asked"] = not_arrived(self.org_file, last_texts(load.items()))
        return found

    def _sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(query.encode(), values or None).fetchall()


class Submitting:
    """Hands the load in by HTTP at its rate, several requests at once; one that has no answer is
    sent again, with the same keys. Requests for one record wait for each other: of two at once
    nobody promises which is first.
    """

    def __init__(self, api: str, token: str, load: Load, rate: int) -> None:
        self._load, self._rate = load, rate
        self._http = httpx.Client(
            base_url=api, headers={"Authorization": f"Bearer {token}"}, timeout=120, trust_env=False
        )
        self._waiting: queue.Queue[list[dict[str, Any]] | None] = queue.Queue(maxsize=_SUBMITTERS)
        self._threads = [threading.Thread(target=self._submit, daemon=True) for _ in range(_SUBMITTERS)]
        self._pacing = threading.Thread(target=self._pace, daemon=True)
        self._seconds: list[float] = []
        self._handed = self._accepted = self._again = 0
        self._refused: list[str] = []
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()
        self._landed = threading.Condition()
        self._lasted = 0.0

    def start(self) -> None:
        """Begin."""
        for thread in (*self._threads, self._pacing):
            thread.start()

    def share(self) -> float:
        """How much of the load was handed in."""
        return self._handed / self._load.count

    def is_alive(self) -> bool:
        """True until all was handed in."""
        return self._pacing.is_alive()

    def join(self) -> None:
        """Wait until everything is accepted."""
        for thread in (self._pacing, *self._threads):
            thread.join()
        self._http.close()

    def figures(self) -> dict[str, Any]:
        """The number accepted, and the duration of a request."""
        taken = sorted(self._seconds)
        return {
            "accepted": self._accepted,
            "refused": self._refused[:5],
            "submitted_a_minute": round(self._accepted / self._lasted * 60),
            "requests": len(taken),
            "requests_again": self._again,
            "request_seconds": {
                name: round(taken[min(int(len(taken) * share), len(taken) - 1)], 3)
                for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1))
            },
        }

    def _pace(self) -> None:
        began = time.monotonic()
        for some in self._load.requests():
            time.sleep(max(0.0, began + self._handed / self._rate * 60 - time.monotonic()))
            self._waiting.put(some)
            self._handed += len(some)
        for _ in self._threads:
            self._waiting.put(None)
        self._lasted = max(time.monotonic() - began, self._load.count / self._rate * 60)

    def _submit(self) -> None:
        while (some := self._waiting.get()) is not None:
            records = {f"{item['object']} {item['external_id']}" for item in some}
            self._claim(records)
            began = time.monotonic()
            answer = self._answer(some)
            with self._landed:
                self._in_flight -= records
                self._landed.notify_all()
            with self._lock:
                self._seconds.append(time.monotonic() - began)
                if answer.status_code == httpx.codes.ACCEPTED:
                    told = answer.json()
                    self._accepted += len(told["accepted"])
                    self._refused += [str(each) for each in told["refused"]]
                else:
                    self._refused.append(f"{answer.status_code}: {answer.text[:300]}")

    def _claim(self, records: set[str]) -> None:
        """Wait until no other request is under way for one of the records."""
        with self._landed:
            while not records.isdisjoint(self._in_flight):
                self._landed.wait()
            self._in_flight |= records

    def _answer(self, some: list[dict[str, Any]]) -> httpx.Response:
        until = time.monotonic() + 300
        while True:
            try:
                answer = self._http.post("/v1/writebacks", json={"writebacks": some})
            except httpx.HTTPError:
                if time.monotonic() > until:
                    raise
                answer = None
            if answer is not None and answer.status_code not in (429, 500, 502, 503):
                return answer
            self._again += 1
            time.sleep(1)


@dataclass
class _Surge:
    """Changes of others while the body runs; `--surge 0`: none."""

    running: Running
    arguments: argparse.Namespace
    figures: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        if self.arguments.surge:
            self._thread.start()
            time.sleep(2)  # so that it knows none of the writebacks' records

    def __exit__(self, *_: object) -> None:
        if self.arguments.surge:
            self._thread.join()

    def _run(self) -> None:
        # Beyond the last writeback, so that none is brought without it.
        seconds = self.arguments.minutes * 60 + 30
        try:
            found = run_surge(self.running.endpoints, rate=self.arguments.surge, seconds=seconds, seed=1)
        except Exception as error:  # the figures of the writebacks are still worth something
            self.figures["error"] = f"{type(error).__name__}: {error}"
            return
        self.figures |= {
            "rate_per_minute": found.rate_per_minute,
            "sent": found.sent,
            "lag_at_end_seconds": round(found.lag_at_end_seconds, 1),
        }


def _is_exact(effects: Mapping[str, int]) -> bool:
    wrong = ("events_missing", "events_beyond", "records_twice", "last_value_lost")
    return not any(effects[name] for name in wrong)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=10_000, help="writebacks a minute")
    parser.add_argument("--surge", type=int, default=120_000, help="changes of others a minute; 0: none")
    parser.add_argument("--pause", type=float, default=60, help="seconds; 0: none")
    parser.add_argument("--locked", type=float, default=0.02, help="share of the rows that meet a lock")
    parser.add_argument("--lost", type=float, default=0.01, help="share of the write calls without an answer")
    parser.add_argument("--sample", type=int, default=10_000, help="writebacks by each other sender; 0: none")
    parser.add_argument("--report", type=Path, help="write the figures to this file as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
