"""A caller who may write back and read the warehouse learns no value of another record by
trying.
"""

from contextlib import closing
from datetime import date, timedelta
from typing import Any

import orjson
import pytest

from clients.database.key_register import DataKeyRegister
from clients.storage.data_key import org_key_ring
from clients.storage.objects import S3Address
from schemas.catalogue import default_catalogue
from tests.support.builders.writebacks import asked
from tests.support.engines.served_api import ORG, ServedApi, fresh
from transforms.pii import Protector, is_any_token, is_comparable_token, seal_of

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="module")]
YEAR = [str(date(1990, 1, 1) + timedelta(days=day)) for day in range(365)]
CONTACT = default_catalogue().object("Contact")
VICTIM = "003Tg0000000001AAA"


@pytest.fixture
def protector(api: ServedApi, module_database: str, s3_address: S3Address) -> Protector:
    """With the keys that the API uses, as the engine's workers have them."""
    with closing(DataKeyRegister(module_database)) as register:
        register.ensure()
        ring = org_key_ring(ORG, s3_address, api.store, register=register)
    return Protector(ring, default_catalogue())


async def written(api: ServedApi, *items: dict[str, Any]) -> list[dict[str, Any]]:
    """Hand writebacks in, and ask for each by its number."""
    response = await api.ask("POST", "/v1/writebacks", "writer", json={"writebacks": list(items)})
    assert response.status_code == 202, response.text
    return [await api.get(f"/v1/writebacks/{one['number']}", "writer") for one in response.json()["accepted"]]


def contact(**changed: Any) -> dict[str, Any]:
    return asked(object="Contact", external_id="P-1", key=fresh("k"), **changed)


async def test_a_birth_date_is_not_found_by_trying_every_day_of_its_year(
    api: ServedApi, protector: Protector
) -> None:
    born = YEAR[200]
    name = "Contact.Birthdate"
    stored = {
        protector.encrypt(name, born),  # as an older release stored it
        protector.seal(seal_of(CONTACT, "Birthdate"), born, VICTIM),
    }
    found = await written(api, *(contact(fields={"Birthdate": day}) for day in YEAR))
    tokens = [each["fields"]["Birthdate"] for each in found]
    assert all(is_any_token(token) for token in tokens)
    assert stored.isdisjoint(tokens)
    assert len(set(tokens)) == len(YEAR)


async def test_the_same_value_written_twice_looks_different(api: ServedApi, protector: Protector) -> None:
    email = "ada@example.org"
    item = {"fields": {"Email": email}, "only_if": {"Email": email}}
    one, other = await written(api, contact(**item), contact(**item))
    tokens = [each[part]["Email"] for each in (one, other) for part in ("fields", "only_if")]
    assert len({*tokens, protector.encrypt("Contact.Email", email)}) == 5


async def test_a_token_of_a_writeback_opens_as_no_value_of_the_warehouse(
    api: ServedApi, protector: Protector
) -> None:
    [found] = await written(api, contact(fields={"Email": "ada@example.org"}))
    token = found["fields"]["Email"]
    assert protector.decrypt_writeback("Contact.Email", token) == "ada@example.org"
    with pytest.raises(ValueError, match="not a token of"):
        protector.decrypt("Contact.Email", token)


async def test_nothing_that_the_api_shows_can_be_compared_with_another_token(api: ServedApi) -> None:
    found = await written(api, contact(fields={"LastName": "Lovelace", "Email": "ada@example.org"}))
    listed = await api.get("/v1/writebacks?object=Contact", "writer")
    for text in texts(orjson.loads(orjson.dumps([found, listed]))):
        assert not is_comparable_token(text.rpartition("=")[2])


def texts(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [
            text for each in (value.values() if isinstance(value, dict) else value) for text in texts(each)
        ]
    return [value] if isinstance(value, str) else []
