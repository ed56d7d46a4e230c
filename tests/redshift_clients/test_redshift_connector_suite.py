"""The integration tests of redshift_connector 2.1.15 that need no AWS, as its authors wrote them.

They stand in its repository, not in its package: `make test-redshift-clients` clones them. Those
that fail are listed with the reason; one that begins to pass is to be taken off the list.
"""

import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.redshift_clients.client import ENVIRONMENTS, ClientError, own_command

pytestmark = pytest.mark.redshift_client
SOURCE = ENVIRONMENTS / "redshift-connector-source"
FILES = (
    "connection",
    "cursor",
    "dbapi20",
    "pandas",
    "paramstyle",
    "prepared_statements_cache",
    "query",
    "redshift_property",
    "unsupported_datatypes",
)
NEEDING_AWS = ("idp", "iam", "okta", "azure", "endpoint_lookup")
"""Words in the names of tests that ask AWS."""
_PROCEDURES = "there are no procedures: rule object-gap"
_USERS = "there is no CREATE USER: rule object-gap"
_LOG = "there is no stl_connection_log"
_INDEX = "a key is in pg_constraint, and has no row in pg_index"
FAILING = {
    "connection::test_auth_req_digest[sha256]": _USERS,
    "connection::test_bytes_password": _USERS,
    "connection::test_client_protocol_version_is_used[1]": "results have no extended metadata",
    "connection::test_execute_skip_parse_bind_params_when_dne[grant role sys:monitor to awsuser]": (
        "there are no roles: rule grant-gap"
    ),
    "connection::test_ssl": "this stand-in has no certificate; tests/sandbox/redshift/test_logins.py has one",
    "connection::test_stl_connection_log_contains_application_name": _LOG,
    "connection::test_stl_connection_log_contains_driver_version": _LOG,
    "connection::test_stl_connection_log_contains_os_version": _LOG,
    "dbapi20::test_callproc": _PROCEDURES,
    "query::test_get_primary_keys": _INDEX,
    "query::test_get_procedures": _PROCEDURES,
    "unsupported_datatypes::test_create_table_with_unsupported_datatype_fails[interval]": (
        "INTERVAL is a type by now: rule type-gap"
    ),
}


def configured(folder: Path, dsn: str) -> Path:
    """A copy of the tests whose settings name the stand-in."""
    if not (SOURCE / "test").is_dir():
        raise ClientError(f"{SOURCE} is missing: `make test-redshift-clients` clones it")
    shutil.copytree(SOURCE / "test", folder / "test")
    place = urlsplit(dsn)
    (folder / "test" / "config.ini").write_text(
        f"[ci-cluster]\ndatabase = {place.path[1:]}\nhost = {place.hostname}\ntest_user = {place.username}\n"
        f"test_password = {place.password}\nregion = us-east-1\ncluster_identifier = sandbox\n"
        f"[default-test]\nport = {place.port}\nssl = false\nsslmode = prefer\n"
    )
    return folder


def outcome(report: Path) -> tuple[set[str], int]:
    """Names of the tests that failed, as `FAILING` has them, and the number of those that
    passed.
    """
    failed, passed = set(), 0
    for case in ET.parse(report).getroot().iter("testcase"):
        if case.find("skipped") is not None:
            continue
        if case.find("failure") is None and case.find("error") is None:
            passed += 1
            continue
        module = case.attrib["classname"].removeprefix("test.integration.test_").partition(".")[0]
        failed.add(f"{module}::{case.attrib['name']}")
    return failed, passed


def test_the_suite_of_the_driver_fails_where_it_is_listed(redshift_database: str, tmp_path: Path):
    folder, report = configured(tmp_path, redshift_database), tmp_path / "report.xml"
    files = [f"test/integration/test_{name}.py" for name in FILES]
    command = [str(own_command("connector-suite", "python")), "-m", "pytest", "-c", "/dev/null"]
    command += ["--rootdir", str(folder), f"--junitxml={report}", "-q", "-k"]
    command += [" and ".join(f"not {word}" for word in NEEDING_AWS)]
    done = subprocess.run(
        [*command, *files],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert report.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    failed, passed = outcome(report)
    assert failed == set(FAILING), done.stdout[-12000:]
    assert passed >= 150
