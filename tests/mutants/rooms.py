"""The files whose mutants are judged, and the tests that judge."""

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Room(NamedTuple):
    """A room's files, and the tests that judge their mutants."""

    files: tuple[str, ...]
    judges: tuple[str, ...]
    with_parts: bool = False
    """Tests judge too that need PostgreSQL and S3: these files do little else than speak to
    them.
    """
    is_patient: bool = False
    """Tests of several seconds judge too: the oracle is one of them."""


def _room(files: str, judges: str, *, with_parts: bool = False, is_patient: bool = False) -> Room:
    tests = tuple(f"tests/{each}" for each in judges.split())
    return Room(tuple(files.split()), tests, with_parts, is_patient)


ROOMS = {
    "governor": _room("transforms/governor", "unit/governor"),
    "chain": _room(
        "clients/storage/chain.py",
        "unit/ingest unit/erasure laws/test_law_2_one_chain.py service/ingest/test_chain_files.py "
        "service/ingest/test_landed_batches.py service/ingest/test_raw_confirmed.py",
        with_parts=True,
    ),
    "apply": _room(
        "transforms/apply",
        "unit/apply unit/reconcile laws/test_law_3_gaps.py laws/test_law_3_backfill.py "
        "laws/test_law_3_hand_over.py laws/test_law_3_unsettled_rows.py",
    ),
    "applied": _room(
        "activities/apply",
        "unit/apply service/apply service/quality/test_quality.py "
        "laws/test_law_4_applied_whole.py laws/test_law_10_one_fields_fault_is_one_fields.py",
        with_parts=True,
    ),
    "writeback": _room("transforms/writeback", "unit/writeback unit/salesforce/test_ingest_csv.py"),
    "audit": _room(
        "clients/audit clients/database/audit_log.py clients/database/audit_chain.py activities/audit.py",
        "unit/audit service/access/test_audit_anchors.py service/access/test_audit_reads.py laws/test_law_9_the_log_is_anchored.py laws/test_law_9_who_did_it.py "
        "laws/test_law_9_what_a_proof_is_worth.py "
        "laws/test_law_9_every_act_is_on_record.py",
        with_parts=True,
        is_patient=True,
    ),
    "planner": _room("transforms/planner", "unit/planner"),
    "reconcile": _room("transforms/reconcile", "unit/reconcile"),
    "replay": _room(
        "transforms/replay transforms/repair.py transforms/backfill.py",
        "unit/replay unit/ingest unit/repair unit/backfill unit/test_parts.py",
    ),
    "pii": _room("transforms/pii", "unit/pii unit/erasure"),
    "values": _room(
        "transforms/convert_values.py transforms/misfits.py transforms/exact_json.py transforms/deep_json.py",
        "unit/ingest unit/test_convert_values.py unit/test_exact_json.py unit/pii",
    ),
    "ingest": _room(
        "transforms/ingest",
        "unit/ingest unit/apply/test_fold_steps.py unit/erasure unit/pii/test_protector.py "
        "unit/salesforce/test_polled_rows.py unit/salesforce/test_cometd_frames.py laws/test_law_3_backfill.py",
        is_patient=True,
    ),
    "drift": _room("transforms/drift", "unit/drift unit/catalogue"),
    "catalogue": _room("transforms/catalogue", "unit/catalogue unit/test_catalogue.py"),
    "quality": _room("transforms/quality", "unit/quality unit/ingest"),
    "erasure": _room("transforms/erasure", "unit/erasure unit/quality"),
    "retention": _room("transforms/retention", "unit/retention"),
    "status": _room("transforms/status transforms/proof.py", "unit/status unit/cli unit/audit/test_proof.py"),
    "model": _room("transforms/model", "unit/model"),
    "webhook": _room("transforms/webhook", "unit/webhook"),
}
"""By name, in the order in which they are judged. Of the tests only those that start no process of
their own."""

NOT_JUDGES = frozenset({"test_imports.py", "test_shared_sql.py"})
"""Files of tests that take long and say nothing of a line: interpreters started, SQL compared."""


def files_of(asked: list[str]) -> list[str]:
    """Paths from the root of the rooms, folders and files that are asked for; none = all rooms."""
    places = [place for each in asked or ROOMS for place in (ROOMS[each].files if each in ROOMS else (each,))]
    found = dict.fromkeys(path for place in places for path in _files(ROOT / place))
    return [str(path.relative_to(ROOT)) for path in found]


def room_of(file: str) -> str:
    """The name of a file's room; the file's folder for one of none."""
    holds = (name for name, room in ROOMS.items() if any(file.startswith(place) for place in room.files))
    return next(holds, str(Path(file).parent))


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return sorted(path for path in place.rglob("*.py") if path.name != "__init__.py")
