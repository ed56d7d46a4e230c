"""Tokens that are given out and withdrawn while the API runs, and what goes on record of callers
without a good one.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import build_api
from api.middleware import kept_tokens
from cli.api import entry_of, new_token
from clients.database.api_tokens import ApiTokens
from clients.database.audit_log import AuditLog
from clients.storage.objects import S3Address
from schemas.errors import SettingsError
from schemas.security.access import CallerRole, WriterScope
from schemas.security.api_tokens import StoredToken
from tests.support.builders.waiting import until
from tests.support.builders.writebacks import asked
from tests.support.engines.served_api import NOWHERE, fresh, settings_for, tokens_and_entries
from tests.support.processes.api_process import api_process

pytestmark = [pytest.mark.service, pytest.mark.slow]
NOW = datetime.now(UTC)


@pytest.fixture
def tokens(database: str) -> Iterator[ApiTokens]:
    with closing(ApiTokens(database)) as opened:
        yield opened


@pytest.fixture
def audit(database: str) -> Iterator[AuditLog]:
    with closing(AuditLog(database)) as opened:
        opened.ensure_tables()
        yield opened


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is read again at each request."""
    monkeypatch.setattr(kept_tokens, "TOKENS_READ_SECONDS", 0.0)


def stored(name: str, role: CallerRole = CallerRole.READER, **changed: Any) -> tuple[str, StoredToken]:
    """A token, and what the store keeps of it."""
    token, entry = new_token(name, role)
    values = {**entry, "made_at": NOW, "made_by": "tests", "expires_at": NOW + timedelta(days=1), **changed}
    return token, StoredToken(**values)


@asynccontextmanager
async def serving(
    dsn: str, s3: S3Address | None = None, address: str = "10.0.0.7", **api: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """The API in this process, asked from an address."""
    _, entries = tokens_and_entries()
    usual = {"tokens": entries, "limits": {"refusals": 1_000}}
    made = build_api(settings_for(dsn=dsn, s3=s3, **{**usual, **api}))
    transport = httpx.ASGITransport(made.served, client=(address, 40_000))
    async with (
        made.inner.router.lifespan_context(made.inner),
        httpx.AsyncClient(transport=transport, base_url="http://api") as http,
    ):
        yield http


async def status(http: httpx.AsyncClient, token: str, path: str = "/v1/catalogue") -> int:
    """The status of a look with a token."""
    return (await http.get(path, headers={"Authorization": f"Bearer {token}"})).status_code


async def test_a_token_that_is_made_and_withdrawn_counts_without_a_restart(
    database: str, tokens: ApiTokens
) -> None:
    token, kept = stored("night-shift")
    async with serving(database) as http:
        assert await status(http, token) == 401
        tokens.add(kept)
        await until(lambda: _is(http, token, 200))
        assert tokens.revoke([kept], by="tests", at=NOW) == 1
        await until(lambda: _is(http, token, 401))
        assert tokens.revoke([kept], by="tests", at=NOW) == 0


async def _is(http: httpx.AsyncClient, token: str, wanted: int) -> bool:
    return await status(http, token) == wanted


async def test_a_token_ends_when_it_expires(database: str, tokens: ApiTokens) -> None:
    token, kept = stored("brief", expires_at=datetime.now(UTC) + timedelta(seconds=1.5))
    tokens.add(kept)
    async with serving(database) as http:
        await until(lambda: _is(http, token, 401))


async def test_a_listed_token_expires_and_can_be_withdrawn_too(database: str, tokens: ApiTokens) -> None:
    listed, entry = new_token("listed", CallerRole.READER)
    old = {**entry_of("tg_old", "old", CallerRole.READER), "expires_at": NOW.isoformat()}
    async with serving(database, tokens=[entry, old]) as http:
        assert (await status(http, listed), await status(http, "tg_old")) == (200, 401)
        _, row = stored("listed")
        tokens.revoke([row.model_copy(update={"sha256": entry["sha256"]})], by="tests", at=NOW)
        await until(lambda: _is(http, listed, 401))


async def test_without_the_store_listed_tokens_go_on_and_others_are_not_known_to_be_bad() -> None:
    listed, entry = new_token("listed", CallerRole.READER)
    async with serving(NOWHERE, tokens=[entry]) as http:
        assert (await status(http, listed), await status(http, "tg_other")) == (200, 503)


def test_the_store_keeps_no_token_and_no_two_of_one_name(tokens: ApiTokens) -> None:
    token, kept = stored("billing")
    tokens.add(kept)
    assert token not in str(tokens.all())
    with pytest.raises(SettingsError, match="tidegate api revoke billing"):
        tokens.add(stored("billing")[1])
    tokens.revoke([kept], by="tests", at=NOW)
    tokens.add(stored("billing")[1])
    past = NOW - timedelta(days=1)
    tokens.add(stored("old", expires_at=past, made_at=past)[1])
    tokens.add(stored("old")[1])
    assert len(tokens.all()) == 4


async def test_refusals_are_throttled_by_address_and_a_good_token_still_counts(database: str) -> None:
    listed, entry = new_token("listed", CallerRole.READER)
    async with serving(database, tokens=[entry], limits={"refusals": 3}) as http:
        found = [await status(http, f"tg_{number}") for number in range(6)]
        assert found == [401] * 3 + [429] * 3
        answer = await http.get("/v1/catalogue")
        assert answer.json()["type"].endswith("too-many-refusals")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert await status(http, listed) == 200
    async with serving(database, tokens=[entry], address="10.0.0.8") as http:
        assert await status(http, "tg_0") == 401


async def test_refusals_are_on_record_by_address_and_not_one_by_one(database: str, audit: AuditLog) -> None:
    async with serving(database) as http:
        for number in range(30):
            await status(http, f"tg_{number}")
        await http.get("/v1/catalogue")
    acts = [act for _, act in audit.rows() if act.act == "api.refuse"]
    assert {(act.target, act.by) for act in acts} == {("10.0.0.7", "unknown")}
    assert len(acts) == 2
    assert acts[-1].detail.startswith("1 no-token, 30 unknown-token")


async def test_a_role_that_does_not_suffice_is_on_record_with_its_name(
    database: str, audit: AuditLog
) -> None:
    token, entry = new_token("curious", CallerRole.READER)
    async with serving(database, tokens=[entry]) as http:
        for _ in range(3):
            headers = {"Authorization": f"Bearer {token}"}
            answer = await http.post("/v1/replays", json={"lane": "changes"}, headers=headers)
            assert answer.status_code == 403
    acts = [act for _, act in audit.rows() if act.act == "api.refuse"]
    assert {(act.by, act.target) for act in acts} == {("curious", "10.0.0.7")}


async def test_a_writer_stays_within_its_objects_and_fields(database: str, s3_address: S3Address) -> None:
    scope = {"fields": ["Case.Status"]}
    token, entry = new_token("billing", CallerRole.WRITER)
    headers = {"Authorization": f"Bearer {token}"}
    async with serving(database, s3_address, tokens=[{**entry, "writer": scope}]) as http:
        items = [
            asked(key=fresh(), fields={"Status": "New"}),
            asked(key=fresh(), fields={"Status": "New", "Subject": "x"}),
            asked(key=fresh(), object="Account", fields={"Type": "x"}),
            asked(key=fresh(), fields={"Status": "New"}, only_if={"Subject": "guess"}),
        ]
        answer = await http.post("/v1/writebacks", headers=headers, json={"writebacks": items})
    found = answer.json()
    assert [each["index"] for each in found["accepted"]] == [0], found
    assert [each["field"] for each in found["refused"]] == ["fields", "object", "fields"]


def test_a_scope_names_all_of_an_object_or_some_of_its_fields() -> None:
    scope = WriterScope(objects=("Account",), fields=("Case.Status", "Case.Account"))
    assert scope.refusal("Account", ["Anything"]) is None
    assert scope.refusal("Case", ["Status", "Account"]) is None
    assert (scope.refusal("Case", ["Subject"]) or ("",))[0] == "fields"
    assert (scope.refusal("Contact", ["LastName"]) or ("",))[0] == "object"


def test_the_callers_address_is_believed_of_named_proxies_only(
    tmp_path: Path, database: str, audit: AuditLog
) -> None:
    forged = {"X-Forwarded-For": "192.0.2.1"}
    for folder, proxies in (("a", []), ("b", ["127.0.0.1"])):
        (tmp_path / folder).mkdir()
        with api_process(tmp_path / folder, dsn=database, proxies=proxies) as api:
            assert api.ask("GET", "/v1/catalogue", headers=forged).status_code == 401
    assert [act.target for _, act in audit.rows() if act.act == "api.refuse"] == ["127.0.0.1", "192.0.2.1"]
