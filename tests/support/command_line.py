"""The command in the test's process, on settings that name the session's real parts: a process of
its own takes a second.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from cli.main import command_app
from clients.storage.objects import S3Address
from schemas.errors import TidegateError
from tests.support.builders.s3_settings import s3_settings

app = command_app()


def settings_file_of(
    folder: Path, *, org: str, database: str, temporal: str, s3: S3Address, **more: Any
) -> Path:
    """A settings file.

    Args:
        folder: Where it is put.
        org: Its id, 18 characters.
        database: Connection string of warehouse and operational store.
        temporal: host:port.
        s3: The bucket.
        more: Further groups of settings.
    """
    values = {
        "salesforce": {"org_id": org, "login_url": "http://127.0.0.1:1", "client_id": "tests"},
        "s3": s3_settings(s3),
        "warehouse": {"dsn": database},
        "operational": {"dsn": database},
        "temporal": {"address": temporal},
        **more,
    }
    file = folder / "settings.json"
    file.write_text(json.dumps(values))
    return file


async def command(settings: Path, *words: str) -> Result:
    """Run a command on these settings; returns what it printed and how it ended. An error of ours
    is raised.
    """
    ended = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--settings", str(settings)])
    if isinstance(ended.exception, TidegateError):
        raise ended.exception
    return ended


async def answer(settings: Path, *words: str, code: int = 0) -> Any:
    """The object that a command prints with --json; it must end with `code`."""
    ended = await command(settings, *words, "--json")
    assert ended.exit_code == code, (ended.output, ended.exception)
    return json.loads(ended.stdout)
