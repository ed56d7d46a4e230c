"""dbt-redshift 1.10.2: a project with seeds, tables, views, both kinds of incremental model, a
snapshot and tests, built twice.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.redshift_clients.client import HERE, own_command

pytestmark = pytest.mark.redshift_client


@pytest.fixture
def project(tmp_path: Path, redshift_database: str) -> Path:
    """The project with a profile for the database."""
    shutil.copytree(HERE / "dbt_project", tmp_path / "project")
    place = urlsplit(redshift_database)
    target = {
        "type": "redshift",
        "host": place.hostname,
        "port": place.port,
        "user": place.username,
        "password": place.password,
        "dbname": place.path[1:],
        "schema": "public",
        "sslmode": "disable",
        "threads": 2,
    }
    profile = {"stand_in": {"target": "dev", "outputs": {"dev": target}}}
    (tmp_path / "project" / "profiles.yml").write_text(json.dumps(profile))
    return tmp_path / "project"


def build(project: Path) -> str:
    done = subprocess.run(
        [str(own_command("dbt-redshift", "dbt")), "build", "--no-use-colors"],
        cwd=project,
        env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "False", "DBT_PROFILES_DIR": str(project)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def test_a_project_is_built_twice(project: Path, database: str):
    assert "PASS=8 WARN=0 ERROR=0" in build(project)
    assert "PASS=8 WARN=0 ERROR=0" in build(project)
    with psycopg.connect(database) as connection:
        counts = [
            connection.execute(f"SELECT COUNT(*) FROM {name}".encode()).fetchone()
            for name in ("added", "merged", "kept")
        ]
        assert counts == [(3,), (3,), (3,)]
        assert connection.execute("SELECT names FROM names").fetchone() == ("one,two,three",)
