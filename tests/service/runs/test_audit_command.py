"""`tidegate audit list` chooses acts by time, by person and by kind."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clients.database.audit_log import AuditLog
from clients.storage.objects import S3Address
from schemas.ingest.messages import Act
from tests.support.command_line import answer, settings_file_of

pytestmark = pytest.mark.service

NOW = datetime.now(UTC)
ACTS = [
    ("lane.pause", "ada", 50),
    ("lane.resume", "ben", 3),
    ("laneless.act", "ada", 2),
    ("replay.start", "ada", 1),
]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), [1, 2, 3, 4]),
        (("--since", "4h"), [2, 3, 4]),
        (("--until", "4h"), [1]),
        (("--by", "ada"), [1, 3, 4]),
        (("--act", "lane"), [1, 2]),
        (("--act", "lane.pause"), [1]),
        (("--since", "4h", "--by", "ada", "--act", "replay"), [4]),
        (("--act", "lane%"), []),
    ],
)
async def test_acts_are_chosen_by_time_person_and_kind(
    words: tuple[str, ...], found: list[int], database: str, tmp_path: Path, s3_address: S3Address
) -> None:
    settings = settings_file_of(
        tmp_path, org="00D000000000AUDAAA", database=database, temporal="127.0.0.1:1", s3=s3_address
    )
    with closing(AuditLog(database)) as log:
        log.ensure_tables()
        for act, by, hours in ACTS:
            log.append(Act(act=act, by=by, target="t", detail="", at=NOW - timedelta(hours=hours)))
    assert [each["number"] for each in await answer(settings, "audit", "list", *words)] == found
