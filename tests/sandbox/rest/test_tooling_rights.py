"""The Tooling API by the rights of who asks (SOAP API Developer Guide, "Tooling API Objects in the
Enterprise and Partner WSDL": field-level security counts there and not in the Tooling API; Tooling
API, "FieldDefinition": exposed to profiles with ViewSetup; "PermissionSet", "Special Access
Rules").
"""

from collections.abc import AsyncIterator

import httpx
import pytest

from sandbox.org.permissions.rights import ADMINISTRATOR, STANDARD, Rights
from sandbox.org.server.app import build_app
from tests.sandbox.auth.test_users import ADA, client_of
from tests.sandbox.org_in_process import http_client
from tests.sandbox.rest.test_soap import call
from tests.sandbox.rest_client import V, error

T = f"{V}/tooling"
FIELDS = "SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinitionId = 'Contact'"
CHANNEL = {"FullName": "Few__chn", "Metadata": {"channelType": "data", "label": "Few"}}


@pytest.fixture
async def clients(org) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """The integration user's, and one of a standard user, who has no View Setup."""
    app = build_app(org)
    async with (
        app.router.lifespan_context(app),
        http_client(app, org) as own,
        client_of(app, ADA) as ada,
    ):
        yield {"own": own, "ada": ada}


async def ask(client: httpx.AsyncClient, soql: str, path: str = f"{T}/query") -> httpx.Response:
    return await client.get(path, params={"q": soql})


async def field_names(client: httpx.AsyncClient, path: str) -> set[str]:
    return {row["QualifiedApiName"] for row in (await ask(client, FIELDS, path)).json()["records"]}


async def test_definitions_are_shown_by_the_rights_of_who_asks(clients, org):
    org.give_rights(Rights(hidden_fields=("Contact.Email",)), ADMINISTRATOR)
    org.give_rights(Rights(view_setup=False, hidden_fields=("Contact.Phone",)), STANDARD)
    own, ada = clients["own"], clients["ada"]
    assert {"Email", "Phone"} <= await field_names(own, f"{T}/query")
    assert {"Email", "Phone"} & await field_names(own, f"{V}/query") == {"Phone"}
    assert {"Email", "Phone"} & await field_names(ada, f"{V}/query") == {"Email"}
    refused = error(await ask(ada, FIELDS))
    assert refused["errorCode"] == "INVALID_TYPE"
    assert "sObject type 'FieldDefinition' is not supported." in refused["message"]


@pytest.mark.parametrize(
    "name",
    [
        "CustomField", "EntityDefinition", "ApexClass", "PlatformEventChannel", "PlatformEventChannelMember",
        "ManagedEventSubscription", "PermissionSet", "ObjectPermissions",
    ],
)  # fmt: skip
@pytest.mark.parametrize("given", [str, str.lower])
async def test_the_setup_is_refused_without_view_setup_in_every_way(clients, name, given):
    assert (await ask(clients["own"], f"SELECT Id FROM {given(name)}")).status_code == 200
    ada = clients["ada"]
    assert error(await ask(ada, f"SELECT Id FROM {given(name)}"))["errorCode"] == "INVALID_TYPE"
    listed = (await ada.get(f"{T}/sobjects")).json()["sobjects"]
    assert {each["name"] for each in listed} == {"UserPermissionAccess"}
    for path in (given(name), f"{given(name)}/describe"):
        assert (await clients["own"].get(f"{T}/sobjects/{path}")).status_code == 200
        assert (await ada.get(f"{T}/sobjects/{path}")).status_code == 404


async def test_a_refused_object_is_refused_inside_a_semi_join_too(clients, org):
    org.give_rights(Rights(view_setup=False), ADMINISTRATOR)
    soql = "SELECT PermissionsApiEnabled FROM UserPermissionAccess WHERE Id IN (SELECT ParentId FROM ObjectPermissions)"
    for path in (f"{V}/query", f"{T}/query"):
        assert error(await ask(clients["own"], soql, path))["errorCode"] == "INVALID_TYPE"


async def test_channels_are_written_in_any_spelling_and_not_without_view_setup(clients):
    own, ada = clients["own"], clients["ada"]
    for name in ("PlatformEventChannel", "platformeventchannel"):
        assert (await ada.post(f"{T}/sobjects/{name}", json=CHANNEL)).status_code == 404
    made = await own.post(f"{T}/sobjects/platformeventchannel", json=CHANNEL)
    assert made.status_code == 201
    path = f"{T}/sobjects/PLATFORMEVENTCHANNEL/{made.json()['id']}"
    assert (await own.get(path)).json()["attributes"]["type"] == "PlatformEventChannel"
    assert (await ada.get(path)).status_code == (await ada.delete(path)).status_code == 404
    assert (await own.delete(path)).status_code == 204


CHANNELS = ["PlatformEventChannel", "PlatformEventChannelMember", "ManagedEventSubscription"]
READER = Rights(customize_application=False)
"""A user who sees the setup and may not change it."""


@pytest.mark.parametrize("name", CHANNELS)
async def test_a_write_of_the_setup_needs_customize_application(clients, org, name):
    """Tooling API, "PlatformEventChannel", "PlatformEventChannelMember",
    "ManagedEventSubscription", "Special Access Rules".
    """
    own = clients["own"]
    assert (await own.post(f"{T}/sobjects/PlatformEventChannel", json=CHANNEL)).status_code == 201
    before = (await ask(own, f"SELECT Id FROM {name}")).json()
    org.give_rights(READER, ADMINISTRATOR)
    path = f"{T}/sobjects/{name}"
    for refused in (
        await own.post(path, json=CHANNEL),
        await own.patch(f"{path}/0YL000000000001AAA", json=CHANNEL),
        await own.delete(f"{path}/0YL000000000001AAA"),
        await own.post(f"{path}/0YL000000000001AAA?_HttpMethod=PATCH", json=CHANNEL),
    ):
        assert (refused.status_code, error(refused)["errorCode"]) == (403, "INSUFFICIENT_ACCESS")
    assert (await ask(own, f"SELECT Id FROM {name}")).json() == before


@pytest.mark.parametrize(
    ("name", "rights", "may"),
    [
        *((name, Rights(), True) for name in CHANNELS),
        (CHANNELS[0], READER, False),
        ("ApexClass", Rights(), False),
    ],
)
async def test_describe_tells_who_may_write_the_setup(clients, org, name, rights, may):
    org.give_rights(rights, ADMINISTRATOR)
    own = clients["own"]
    listed = (await own.get(f"{T}/sobjects")).json()["sobjects"]
    told = [
        next(each for each in listed if each["name"] == name),
        (await own.get(f"{T}/sobjects/{name}")).json()["objectDescribe"],
        (await own.get(f"{T}/sobjects/{name}/describe")).json(),
    ]
    for each in told:
        assert {each["createable"], each["updateable"], each["deletable"]} == {may}


async def test_everybody_may_ask_for_permissions_of_their_own(clients):
    for name in ("PermissionsViewSetup", "PermissionsCustomizeApplication"):
        for path in (f"{V}/query", f"{T}/query"):
            told = {
                who: (await ask(client, f"SELECT {name} FROM UserPermissionAccess", path)).json()["records"][
                    0
                ][name]
                for who, client in clients.items()
            }
            assert told == {"own": True, "ada": False}


async def test_soap_queries_follow_the_rights_of_their_session(clients, org):
    org.give_rights(Rights(view_setup=False, hidden_fields=("Contact.Phone",)), STANDARD)
    asked = f"<queryString>{FIELDS}</queryString>"
    answers = {who: (await call(client, "query", asked)).text for who, client in clients.items()}
    assert {who: ">Phone<" in text for who, text in answers.items()} == {"own": True, "ada": False}
