"""Arguments of `tidegate backfill`: times, names, ids; and the expected cost of a backfill."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from typer.testing import CliRunner

from cli.backfill.options import read_ids, request_of
from cli.main import command_app
from cli.options import moment
from sandbox.org.schema.ids import eighteen
from schemas.backfill import BackfillPlan, BackfillRate, Part
from schemas.catalogue import default_catalogue
from schemas.errors import SettingsError
from schemas.salesforce.record_ids import whole_id
from transforms.backfill import USUAL_RATE, estimate_ids, estimate_parts

app = command_app()

ACCOUNT = default_catalogue().object("Account")
DAY = datetime(2026, 11, 1, tzinfo=UTC)


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", min_size=15, max_size=15))
def test_fifteen_characters_become_the_eighteen_that_salesforce_makes_of_them(short: str):
    assert whole_id(short) == eighteen(short)
    assert whole_id(eighteen(short)) == eighteen(short)


def test_ids_are_read_from_lines_and_from_a_csv_each_once(tmp_path: Path):
    one, two = eighteen("001Tg0000000abC"), eighteen("001Tg0000000abD")
    lines = tmp_path / "ids.txt"
    lines.write_text(f"{two}\n\n{one[:15]}\n{one}\n")
    assert read_ids(str(lines), ACCOUNT) == [one, two]
    table = tmp_path / "ids.csv"
    table.write_text(f'"Name","Id"\n"a, b","{two}"\n"c","{one}"\n')
    assert read_ids(str(table), ACCOUNT) == [one, two]


def test_a_wrong_id_is_named_with_its_line_and_nothing_is_read(tmp_path: Path):
    path = tmp_path / "ids.txt"
    path.write_text(f"{eighteen('001Tg0000000abC')}\n001Tg0000000abcXXX\n\n500Tg0000000abC\nshort\n")
    with pytest.raises(SettingsError) as refused:
        read_ids(str(path), ACCOUNT)
    said = str(refused.value)
    assert "line 2: '001Tg0000000abcXXX': its last three characters do not fit" in said
    assert "line 4: '500Tg0000000abC': the ids of Account begin with 001" in said
    assert "line 5: 'short': an id has 15 or 18 letters and digits" in said


def test_times_are_taken_as_utc_or_as_so_long_ago():
    assert moment("--since", "2026-11-01") == DAY
    assert moment("--since", "2026-11-01T02:00+02:00") == DAY
    ago = moment("--since", "2h")
    assert ago is not None
    assert timedelta(hours=2) <= datetime.now(UTC) - ago < timedelta(hours=2, minutes=1)
    with pytest.raises(SettingsError, match="--since: 'yesterday' is not a time"):
        moment("--since", "yesterday")


def test_what_cannot_be_backfilled_is_refused_before_anything_is_started():
    with pytest.raises(SettingsError, match="`since` must be before `until`"):
        request_of(org="o", object="Account", window="w", since=DAY, until=DAY)
    with pytest.raises(SettingsError, match="either ids or a time window"):
        request_of(org="o", object="Account", window="w", since=DAY, ids_key="k")
    with pytest.raises(SettingsError, match="window"):
        request_of(org="o", object="Account", window="a window")


def test_an_estimate_says_whether_its_rate_was_measured():
    plan = BackfillPlan(parts=tuple(Part(number=n, expected_rows=120_000) for n in range(2)))
    assumed = estimate_parts(plan, None)
    assert (assumed.rows, assumed.jobs, assumed.calls, assumed.measured_at) == (240_000, 2, 18, None)
    assert assumed.minutes == round(240_000 / USUAL_RATE / 60, 1)
    rate = BackfillRate(org="o", object="Account", rows=1_000, seconds=10, bytes=50_000, at=DAY)
    measured = estimate_parts(plan, rate)
    assert (measured.minutes, measured.bytes, measured.measured_at) == (40.0, 12_000_000, DAY)
    assert estimate_ids(4_001, None).calls == 3


def test_an_object_is_enough_and_the_other_acts_are_commands_beside_it():
    told = CliRunner().invoke(app, ["backfill", "--help"]).output
    assert all(f"  {name} " in told for name in ("start", "pause", "resume", "cancel", "list", "show"))
    assert "--since" in CliRunner().invoke(app, ["backfill", "Case", "--help"]).output
