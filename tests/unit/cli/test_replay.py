"""Arguments of `tidegate replay`, and how it refuses the rest."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.replay.options import Bounds, selection_of
from clients.warehouse.shadow.schemas import in_schemas, name_of_schema, shadow_prefix
from schemas.catalogue import default_catalogue
from schemas.errors import SettingsError
from schemas.replay import QuarantineChoice, ReplaySelection
from schemas.run_names import replay_name
from workers.settings import Settings

SETTINGS = Settings.model_validate(
    {
        "salesforce": {"org_id": "o", "login_url": "http://o", "client_id": "c"},
        "s3": {"bucket": "b", "kms_key_id": "k"},
        "warehouse": {"dsn": "postgresql://w"},
        "operational": {"dsn": "postgresql://o"},
    }
)


def chosen(**options: str) -> ReplaySelection:
    parts = (options.get("lane"), options.get("object_name"), options.get("record"))
    bounds = Bounds(options.get("since"), options.get("until"))
    return selection_of(SETTINGS, default_catalogue(), *parts, bounds)


def test_a_number_is_a_position_and_a_date_is_a_time() -> None:
    assert chosen(lane="changes", since="40", until="90").from_position == "40"
    assert chosen(since="2026-11-24").since == datetime(2026, 11, 24, tzinfo=UTC)
    assert chosen(until="2026-11-24T10:00+02:00").until == datetime(2026, 11, 24, 8, tzinfo=UTC)


def test_a_span_is_so_long_ago() -> None:
    since = chosen(since="3h").since
    assert since is not None
    assert timedelta(hours=3) <= datetime.now(UTC) - since < timedelta(hours=4)


def test_a_short_record_id_becomes_the_one_that_is_stored_and_tells_the_object() -> None:
    # The example of Salesforce's help: three characters more say which letters are capitals.
    found = chosen(record="003D000000aBcDe")
    assert found.object == "Contact"
    assert found.record is not None
    assert found.record[:15] == "003D000000aBcDe"
    assert len(found.record) == 18


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"since": "40"}, "name the lane"),
        ({"since": "yesterday"}, "neither a position of a lane nor a time"),
        ({"lane": "changes", "since": "40", "until": "2026-11-24"}, "either as positions or as times"),
        ({"since": "2026-11-24", "until": "2026-11-23"}, "`since` must be before `until`"),
        ({"lane": "changes", "until": "origin"}, "no batch begins before"),
        ({"record": "xyz"}, "Name it with --object"),
        ({"object_name": "Nope"}, "not in the catalogue"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(options: dict[str, str], says: str) -> None:
    with pytest.raises(Exception, match=says) as refused:
        chosen(**options)
    assert (
        refused.type in (SettingsError, *SettingsError.__mro__)
        or refused.type.__name__ == "UnknownObjectError"
    )


@pytest.mark.parametrize(
    ("selection", "shadow", "key"),
    [
        (ReplaySelection(org="o"), None, "all"),
        (ReplaySelection(org="o", lane="changes", from_position="40"), None, "changes,40..now"),
        (
            ReplaySelection(org="o", object="Case", since=datetime(2026, 11, 24, tzinfo=UTC)),
            "again",
            "shadow-again,Case,2026-11-24..now",
        ),
        (
            ReplaySelection(org="o", quarantine=QuarantineChoice(batch="changes/40")),
            None,
            "quarantine-changes.40",
        ),
    ],
)
def test_a_derived_key_says_what_is_replayed(
    selection: ReplaySelection, shadow: str | None, key: str
) -> None:
    assert replay_name(selection, shadow) == key


def test_a_shadow_differs_in_its_schemas_alone() -> None:
    statement = (
        "SELECT c.ops, audit.x FROM curated.case_current AS c JOIN ops.ledger AS l ON c.batch = l.batch"
    )
    assert in_schemas(statement, shadow_prefix("s")) == (
        "SELECT c.ops, shadow_s_audit.x FROM shadow_s_curated.case_current AS c "
        "JOIN shadow_s_ops.ledger AS l ON c.batch = l.batch"
    )
    assert in_schemas(statement, "") == statement
    assert name_of_schema("shadow_a_b_curated") == "a_b"
