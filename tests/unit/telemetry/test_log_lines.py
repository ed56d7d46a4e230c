"""A log line has the work at hand and permitted facts, and no words of an error."""

import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest
from temporalio.exceptions import ApplicationError

from activities.runtime.error_interceptor import as_application_error
from clients.salesforce.call_log import CallLine, path_template
from clients.telemetry.log_context import fields_of_workflow, log_fields
from clients.telemetry.log_lines import JsonLines, TextLines
from clients.telemetry.log_setup import log_uncaught_errors, set_up_logs
from schemas.errors import StaleCatalogueError, UnavailableError
from schemas.governor import LeaseClass
from schemas.ids import batch_workflow_id, trace_id_of, writeback_batch_id
from schemas.settings.log import LogSettings

SECRET = "jane@example.org"
ORG = "00D000000000001EAA"
BATCH = batch_workflow_id(ORG, "changes", "17")


def record(message: str = "said", name: str = "clients.x", **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.INFO, __file__, 1, message, (), extra.pop("exc_info", None))
    made.__dict__.update(extra)
    return made


def line_of(made: logging.LogRecord, **settings: Any) -> dict[str, Any]:
    line: dict[str, Any] = orjson.loads(JsonLines(org=ORG, process="worker-all:1", **settings).format(made))
    return line


def raised() -> BaseException:
    try:
        try:
            raise ValueError(f"Key (email)=({SECRET}) already exists")
        except ValueError as driver:
            raise RuntimeError(f"refused {SECRET}") from driver
    except RuntimeError as error:
        return error


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Standard error of a process whose logs are set up; the test's own loggers come back."""
    root, levels = logging.getLogger(), {}
    handlers, level = list(root.handlers), root.level
    for name in ("api", "clients", "httpx", "activities", "cli", "workers"):
        levels[name] = logging.getLogger(name).level
    hooks = sys.excepthook
    yield lambda: capsys.readouterr().err
    sys.excepthook = hooks
    root.handlers[:], root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def set_up(level: str = "DEBUG", form: str = "json") -> None:
    set_up_logs(LogSettings.model_validate({"format": form, "level": level}), org=ORG, process="api")


def test_a_line_has_the_work_at_hand() -> None:
    with log_fields(**fields_of_workflow(BATCH, "run-1"), activity="stage_batch", attempt=2):
        line = line_of(record())
    assert line["ts"].endswith("+00:00")
    assert {name: value for name, value in line.items() if name != "ts"} == {
        "level": "INFO",
        "logger": "clients.x",
        "event": "said",
        "org": ORG,
        "process": "worker-all:1",
        "trace_id": trace_id_of(BATCH),
        "workflow_id": BATCH,
        "run_id": "run-1",
        "activity": "stage_batch",
        "attempt": 2,
        "batch": "changes/17",
    }
    assert "workflow_id" not in line_of(record())


def test_a_writebacks_batch_is_named_and_a_lane_has_none() -> None:
    assert fields_of_workflow(writeback_batch_id(ORG, "Case", "7.0"), "r")["batch"] == "Case/7.0"
    assert "batch" not in fields_of_workflow(f"lane/{ORG}/changes", "r")


def test_the_span_at_hand_wins_over_the_derived_trace() -> None:
    with log_fields(**fields_of_workflow(BATCH, "run-1")):
        line = line_of(record(), span_ids=lambda: ("a" * 32, "b" * 16))
    assert (line["trace_id"], line["span_id"]) == ("a" * 32, "b" * 16)


def test_facts_without_permission_are_left_out() -> None:
    line = line_of(record(facts={"status": 200, "email": SECRET, "error": "x" * 500}))
    assert line["facts"] == {"status": 200, "error": "x" * 200}


@pytest.mark.parametrize("form", [JsonLines, TextLines])
def test_an_error_is_shown_as_frames_without_its_words(form: type[JsonLines]) -> None:
    error = raised()
    made = record(exc_info=(type(error), error, error.__traceback__))
    text = form(org=ORG, process="p").format(made)
    assert SECRET not in text
    assert "RuntimeError" in text
    assert "ValueError" in text
    assert "telemetry/test_log_lines.py" in text


def test_a_librarys_message_ends_at_its_first_line_break() -> None:
    made = record(f"Task exception was never retrieved\nfuture: ValueError('{SECRET}')", "asyncio")
    assert line_of(made)["event"] == "Task exception was never retrieved"


def test_temporals_own_lines_name_their_workflow() -> None:
    details = {"workflow_id": BATCH, "workflow_run_id": "r", "activity_type": "apply_batch", "attempt": 3}
    line = line_of(record("Completing activity as failed", "temporalio.activity", temporal_activity=details))
    assert (line["batch"], line["activity"], line["attempt"]) == ("changes/17", "apply_batch", 3)


def test_libraries_log_warnings_only_at_any_level(written: Callable[[], str]) -> None:
    set_up("DEBUG")
    logging.getLogger("httpx").info("HTTP Request: GET https://org/query?q=%s", SECRET)
    logging.getLogger("some.library").info(SECRET)
    logging.getLogger("clients.salesforce").debug("ours")
    assert [orjson.loads(each)["event"] for each in written().splitlines()] == ["ours"]


def test_a_failed_step_that_was_logged_is_not_logged_again_by_temporal(written: Callable[[], str]) -> None:
    set_up()
    failure = as_application_error(UnavailableError(system="S3", detail="d"))
    logger = logging.getLogger("temporalio.activity")
    logger.warning("theirs", exc_info=failure)
    failure.is_logged = True  # type: ignore[attr-defined]
    logger.warning("ours", exc_info=failure)
    assert [orjson.loads(each)["event"] for each in written().splitlines()] == ["theirs"]


def test_an_error_that_nobody_catches_is_logged_without_its_words(written: Callable[[], str]) -> None:
    set_up()
    log_uncaught_errors()
    error = raised()
    sys.excepthook(type(error), error, error.__traceback__)
    text = written()
    assert SECRET not in text
    assert "RuntimeError" in text


def test_text_is_written_when_the_settings_say_so(written: Callable[[], str]) -> None:
    set_up(form="text")
    logging.getLogger("api").warning("said", extra={"facts": {"status": 503}})
    assert written().endswith("WARNING api said status=503\n")


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/services/data/v67.0/limits", "/services/data/v67.0/limits"),
        ("/services/data/v67.0/sobjects/Case/describe", "/services/data/v67.0/sobjects/Case/describe"),
        (f"/services/data/v67.0/sobjects/Case/Mail__c/{SECRET}", "/services/data/v67.0/sobjects/Case/{}/{}"),
        ("/services/data/v67.0/query/01gRO0000016PIAYA2-500", "/services/data/v67.0/query/{}"),
        (f"/services/data/v67.0/queryAll?q={SECRET}", "/services/data/v67.0/queryAll"),
    ],
)
def test_a_calls_path_is_shown_without_ids_and_values(path: str, template: str) -> None:
    assert path_template(path) == template


def test_a_call_without_an_answer_is_a_warning_with_the_kind_of_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(UnavailableError), CallLine("GET", "/services/data/v67.0/limits", LeaseClass.BACKFILL):
        raise UnavailableError(system="Salesforce", detail="d") from httpx.ReadError(SECRET)
    (said,) = caplog.records
    assert said.levelname == "WARNING"
    assert said.__dict__["facts"]["error"] == "ReadError"
    assert SECRET not in repr(said.__dict__)


def test_a_retry_that_belongs_to_normal_work_is_benign_for_temporal() -> None:
    def category(error: ApplicationError) -> str:
        return error.category.name

    assert category(as_application_error(StaleCatalogueError(object_name="Case"))) == "BENIGN"
    assert category(as_application_error(UnavailableError(system="S3", detail="d"))) == "UNSPECIFIED"
