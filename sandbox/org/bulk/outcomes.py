"""The two result files of an ingest job, and the third that is made when it ends early.

They are appended to chunk by chunk; the job remembers how long they were, so that a restart
forgets a chunk that was not written down as done (Bulk API 2.0 and Bulk API Developer Guide,
"Get Job Successful Record Results" and the two after it).
"""

import csv
import io
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from sandbox.org.bulk.csv_reader import CsvRow
from sandbox.org.bulk.model import Job
from sandbox.org.errors import SalesforceError, of_row
from sandbox.org.state.dml import Outcome

_SUCCESSFUL, _FAILED, _UNPROCESSED = "successful.csv", "failed.csv", "unprocessed.csv"
_PARTS = {
    "successfulresults": _SUCCESSFUL,
    "failedresults": _FAILED,
    "unprocessedrecords": _UNPROCESSED,
}
"""File by the last part of the path, in lower case."""


class OutcomeFiles:
    """The files of one job."""

    def __init__(self, folder: Path, job: Job, header: Sequence[str]) -> None:
        self._folder = folder
        self._job = job
        self._header = header

    def begin(self) -> None:
        """Write the headers, or cut the files to what the job knows of."""
        job = self._job
        for place, (name, first) in enumerate(
            ((_SUCCESSFUL, ["sf__Id", "sf__Created"]), (_FAILED, ["sf__Id", "sf__Error"]))
        ):
            path = self._folder / name
            if not job.result_bytes[place]:
                path.write_bytes(self._csv([[*first, *self._header]]))
                job.result_bytes[place] = path.stat().st_size
            else:
                with path.open("r+b") as file:
                    file.truncate(job.result_bytes[place])

    def add(self, outcomes: Iterable[tuple[Outcome, CsvRow]]) -> None:
        """Append what became of some rows."""
        good, bad = [], []
        for outcome, row in outcomes:
            if outcome.error is None:
                good.append([outcome.record_id or "", "true" if outcome.created else "false", *row])
            else:
                bad.append([outcome.record_id or "", error_text(outcome.error), *row])
        for place, (name, rows) in enumerate(((_SUCCESSFUL, good), (_FAILED, bad))):
            if rows:
                with (self._folder / name).open("ab") as file:
                    self._job.result_bytes[place] += file.write(self._csv(rows))

    def leave(self, batches: Iterable[Sequence[CsvRow]]) -> None:
        """Write the rows that the job did not come to."""
        with (self._folder / _UNPROCESSED).open("wb") as file:
            file.write(self._csv([self._header]))
            for rows in batches:
                file.write(self._csv(rows))

    def _csv(self, rows: Iterable[Sequence[str]]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(
            text, delimiter=self._job.separator, lineterminator=self._job.newline, quoting=csv.QUOTE_ALL
        ).writerows(rows)
        return text.getvalue().encode()


def leave_all(folder: Path, upload: Path) -> None:
    """Nothing of a file that cannot be read was processed: it is what the job did not come to."""
    shutil.copyfile(upload, folder / _UNPROCESSED)


def outcome_file(folder: Path, part: str) -> Path | None:
    """The file of that part of the path, in any case; None for an unknown one. It may not exist
    yet.
    """
    name = _PARTS.get(part.lower())
    return None if name is None else folder / name


def error_text(error: SalesforceError) -> str:
    """`REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --`."""
    told = of_row(error)
    return f"{told.code}:{told.message}:{','.join(told.fields)}{' ' if told.fields else ''}--"
