"""A rotation on a real server, with scripted activities: tables before logs, each act on record,
one at a time.
"""

import uuid

import pytest
from temporalio.client import Client

from clients.temporal.run_kinds import ROTATE_KEYS
from clients.temporal.runs import run_handle, start_run
from schemas.errors import UnavailableError
from schemas.keys import REENCRYPTION, RotateInput, RotationState
from tests.support.scripted.scripted_rotation import ScriptedRotation, rotation_workers

pytestmark = pytest.mark.service


async def rotated(client: Client, script: ScriptedRotation, **asked: object) -> RotationState:
    async with rotation_workers(client, script):
        request = RotateInput(org=uuid.uuid4().hex, by="ada", reason="yearly", **asked)
        handle = run_handle(client, ROTATE_KEYS, await start_run(client, ROTATE_KEYS, request))
        state = await handle.result()
    assert isinstance(state, RotationState)
    return state


async def test_every_table_is_under_the_new_key_before_any_log_is(client: Client) -> None:
    script = ScriptedRotation(failures=[UnavailableError(system="PostgreSQL", detail="it restarts")])
    state = await rotated(client, script)
    assert script.calls == [
        "a new key",
        "tables of Contact",
        "tables of Case",
        "log of Contact after the beginning",
        "log of Contact after audit.contact_change 003",
        "log of Case after the beginning",
    ]
    assert (state.stage, state.key_id, state.counts.tokens, state.share) == ("done", "2", 13, 1.0)


async def test_a_rotation_is_on_record_with_who_asked_and_why(client: Client) -> None:
    script = ScriptedRotation()
    await rotated(client, script)
    assert [(act.act, act.by, act.detail) for act in script.acts] == [
        ("keys.rotate", "ada", "made key 2: yearly"),
        ("keys.reencrypted", "ada", "13 tokens under key 2: yearly"),
    ]


async def test_a_re_encryption_makes_no_key(client: Client) -> None:
    script = ScriptedRotation()
    await rotated(client, script, name=REENCRYPTION, makes_key=False)
    assert script.calls[0] == "no new key"
    assert [act.act for act in script.acts] == ["keys.reencrypted"]


async def test_a_rotation_that_is_asked_for_while_one_runs_is_the_same(client: Client) -> None:
    request = RotateInput(org=uuid.uuid4().hex, by="ada", reason="yearly")
    first = await start_run(client, ROTATE_KEYS, request)
    second = await start_run(client, ROTATE_KEYS, request.model_copy(update={"by": "grace"}))
    assert (first.is_new, second.is_new, second.run_id) == (True, False, first.run_id)
