"""The commands that move a running org, against a process."""

import json

import pytest
from typer.testing import CliRunner

from cli.main import command_app
from cli.state import endpoints_file
from sandbox.endpoints import (
    AuditEndpoint,
    DatabaseEndpoint,
    Endpoints,
    OperationalEndpoint,
    S3Endpoint,
    SalesforceEndpoint,
    TemporalEndpoint,
)
from schemas.errors import SettingsError, UnavailableError
from schemas.salesforce.limits import API_VERSION

app = command_app()

_NOT_STARTED = DatabaseEndpoint(dsn="")


def endpoints(url: str, identity: dict[str, str]) -> Endpoints:
    """The files that `sandbox up` leaves, as far as the org goes."""
    return Endpoints(
        salesforce=SalesforceEndpoint(
            login_url=url,
            instance_url=url,
            tls_login_url="",
            tls_instance_url="",
            ca_file="",
            pubsub_endpoint="",
            control_url=f"{url}/sandbox",
            api_version=API_VERSION,
            **{name: value for name, value in identity.items() if name != "user_id"},
        ),
        s3=S3Endpoint(endpoint_url="", region="", access_key="", secret_key="", bucket="", kms_key_id=""),
        warehouse=_NOT_STARTED,
        operational=OperationalEndpoint(dsn="", owner_dsn=""),
        audit=AuditEndpoint(bucket="", signing_key_id=""),
        temporal=TemporalEndpoint(address="", namespace="", ui_url=""),
    )


@pytest.fixture
def state(org_process, tmp_path):
    endpoints_file(tmp_path).write_text(endpoints(org_process.url, org_process.identity).model_dump_json())
    return tmp_path


@pytest.fixture
def command(state):
    def run(*arguments: str):
        result = CliRunner().invoke(app, ["sandbox", *arguments, "--home", str(state)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run


def test_a_fault_is_added_listed_and_cleared(command):
    [added] = command("faults", "add", "http", "status", "--match", "/nowhere", "--status", "500")
    assert (added["point"], added["kind"], added["status"], added["struck"]) == ("http", "status", 500, 0)
    listed = command("faults", "list")
    assert listed["rules"] == [added]
    assert "reset_after" in listed["kinds"]["http"]
    assert command("faults", "clear") == []


def test_an_unknown_kind_is_refused_with_the_orgs_reason(command):
    with pytest.raises(SettingsError, match="it has cut"):
        command("faults", "add", "stream", "burn")


def test_dials_are_turned_by_name(command):
    assert command("dials", "bulk.hold=true", "auth.session_seconds=60")["bulk"]["hold"] is True
    assert command("dials")["auth"]["session_seconds"] == 60
    assert command("dials", "bulk.hold=false", "auth.session_seconds=null")["auth"]["session_seconds"] is None


@pytest.mark.parametrize("turn", ["bulk.hold", "hold=true", "bulk.hold=yes", "bulk.speed=1"])
def test_what_is_no_turn_of_a_dial_is_refused(command, turn):
    with pytest.raises(SettingsError):
        command("dials", turn)


def test_the_clock_is_advanced(command):
    before = command("clock")["ahead_seconds"]
    assert command("clock", "--advance", "90")["ahead_seconds"] == before + 90


def test_a_neighbour_starts_and_stops(command):
    assert command("neighbour", "--calls-per-minute", "10", "--wave", "0.5")["plan"]["wave"] == 0.5
    assert command("neighbour")["plan"]["calls_per_minute"] == 10
    assert command("neighbour", "--calls-per-minute", "0")["plan"] is None


def test_a_reset_that_is_confirmed_empties_the_org(command, org_process):
    org_process.rest("POST", "/sobjects/Account", {"Name": "A"})
    assert command("reset", "--yes")["records"]["Account"] == 0


def test_a_reset_that_is_not_confirmed_deletes_nothing(state, org_process):
    org_process.rest("POST", "/sobjects/Account", {"Name": "A"})
    result = CliRunner().invoke(app, ["sandbox", "reset", "--home", str(state)], input="n\n")
    assert result.exit_code != 0
    assert org_process.control("GET", "/state")["records"]["Account"] >= 1


def test_an_org_that_does_not_run_is_said_to_be_unavailable(state, org_process):
    gone = endpoints("http://127.0.0.1:1", org_process.identity)
    endpoints_file(state).write_text(gone.model_dump_json())
    result = CliRunner().invoke(app, ["sandbox", "clock", "--home", str(state)])
    assert isinstance(result.exception, UnavailableError)
