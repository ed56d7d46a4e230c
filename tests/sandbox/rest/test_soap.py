"""The SOAP API beyond the login itself: who one is, what time it is, how a session ends, and what
is refused.
"""

from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest

from tests.sandbox.org_in_process import new_org

PARTNER = "urn:partner.soap.sforce.com"
ENTERPRISE = "urn:enterprise.soap.sforce.com"
METADATA = "http://soap.sforce.com/2006/04/metadata"
TOOLING = "urn:tooling.soap.sforce.com"
USER_INFO = [
    "accessibilityMode", "chatterExternal", "currencySymbol", "orgAttachmentFileSizeLimit", "orgDefaultCurrencyIsoCode",
    "orgDefaultCurrencyLocale", "orgDisallowHtmlAttachments", "orgHasPersonAccounts", "organizationId",
    "organizationMultiCurrency", "organizationName", "profileId", "roleId", "sessionSecondsValid",
    "userDefaultCurrencyIsoCode", "userEmail", "userFullName", "userId", "userLanguage", "userLocale", "userName",
    "userTimeZone", "userType", "userUiSkin",
]  # fmt: skip


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


def envelope(operation: str, session: str = "", content: str = "", namespace: str = PARTNER) -> str:
    header = f"<SessionHeader><sessionId>{escape(session)}</sessionId></SessionHeader>"
    return (
        '<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">'
        f'<e:Header xmlns="{namespace}">{header}</e:Header>'
        f'<e:Body><{operation} xmlns="{namespace}">{content}</{operation}></e:Body></e:Envelope>'
    )


async def call(http, operation, content="", *, path="u/59.0", namespace=PARTNER):
    token = http.headers["Authorization"].split()[1]
    return await http.post(f"/services/Soap/{path}", content=envelope(operation, token, content, namespace))


def result(answer):
    assert answer.status_code == 200, answer.text
    body = ElementTree.fromstring(answer.text)[-1]  # a header with the usage may stand before it
    return body[0][0]


def names(element):
    return [child.tag.rpartition("}")[2] for child in element]


async def test_user_info_comes_in_the_documented_order(http, org):
    info = result(await call(http, "getUserInfo"))
    assert names(info) == USER_INFO
    assert info[8].text == org.identity.org_id
    assert info[17].text == org.identity.user_id


async def test_the_server_tells_the_orgs_time_and_not_the_machines(http, org):
    org.clock.advance(600)
    [timestamp] = result(await call(http, "getServerTimestamp"))
    assert timestamp.text == org.clock.now().stored


async def test_a_session_that_logged_out_is_let_in_nowhere(http):
    assert (await call(http, "logout")).status_code == 200
    assert "<faultcode>sf:INVALID_SESSION_ID</faultcode>" in (await call(http, "getUserInfo")).text
    assert (await http.get("/services/data/v67.0/limits")).status_code == 401


async def test_a_session_that_ran_out_is_a_fault_with_status_500(http, org):
    org.clock.advance(7_300)
    answer = await call(http, "getUserInfo")
    assert answer.status_code == 500
    assert "<faultcode>sf:INVALID_SESSION_ID</faultcode>" in answer.text
    assert "<sf:exceptionCode>INVALID_SESSION_ID</sf:exceptionCode>" in answer.text


async def test_the_login_tells_how_long_its_session_lives(http, org):
    org.dials.auth.session_seconds = 900
    who = f"<username>{org.identity.username}</username><password>{escape(org.identity.password)}</password>"
    login = result(await call(http, "login", who))
    assert login[6][USER_INFO.index("sessionSecondsValid")].text == "900"
    assert login[3].text == f"http://org/services/Soap/u/59.0/{org.identity.org_id[:15]}"


@pytest.mark.parametrize("path", ["u/99.0", "u/abc", "u/9.0"])
async def test_a_version_that_is_not_served_is_a_fault(http, path):
    answer = await call(http, "getUserInfo", path=path)
    assert answer.status_code == 500
    assert "sf:UNSUPPORTED_API_VERSION" in answer.text


async def test_an_api_that_is_not_built_is_refused_by_its_address(http):
    answer = await call(http, "describeMetadata", path="m/59.0", namespace=METADATA)
    assert answer.status_code == 500
    assert "/services/Soap/m is not built" in answer.text


async def test_a_document_type_is_refused_unread(http):
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    answer = await http.post("/services/Soap/u/59.0", content=bomb)
    assert answer.status_code == 500
    assert "document type" in answer.text


@pytest.mark.parametrize("body", ["", "<broken", "<a/>"])
async def test_what_is_no_envelope_is_a_fault(http, body):
    answer = await http.post("/services/Soap/u/59.0", content=body)
    assert answer.status_code == 500
    assert "soapenv:Fault" in answer.text


@pytest.mark.parametrize(
    ("path", "namespace", "operation"),
    [
        ("u/59.0", ENTERPRISE, "getUserInfo"),
        ("u/59.0", ENTERPRISE, "login"),
        ("u/59.0", METADATA, "describeMetadata"),
        ("u/59.0", TOOLING, "query"),
        ("u/59.0", "", "getUserInfo"),
        ("u/59.0", PARTNER.upper(), "getUserInfo"),
        ("c/59.0", PARTNER, "getUserInfo"),
        ("m/59.0", PARTNER, "getUserInfo"),
        ("T/59.0", PARTNER, "query"),
        ("u/59.0", PARTNER, "getuserinfo"),
        ("u/59.0", PARTNER, "makeCoffee"),
    ],
)
async def test_an_operation_that_the_api_has_not_is_refused_by_its_whole_name(
    http, path, namespace, operation
):
    """Salesforce Help, "Error 'No operation available for request' when sending SOAP request"."""
    answer = await call(http, operation, path=path, namespace=namespace)
    assert answer.status_code == 500
    [fault] = ElementTree.fromstring(answer.text)[-1]
    assert names(fault) == ["faultcode", "faultstring"]
    assert [each.text for each in fault] == [
        "soapenv:Client",
        f"No operation available for request {{{namespace}}}{operation}, please check the WSDL for the service.",
    ]


@pytest.mark.parametrize(("path", "namespace"), [("c/59.0", ENTERPRISE), ("u/59.0", PARTNER)])
async def test_each_api_answers_in_its_own_namespace(http, path, namespace):
    answer = await call(http, "getUserInfo", path=path, namespace=namespace)
    assert result(answer).tag == f"{{{namespace}}}result"


async def test_an_operation_that_is_not_built_is_refused_by_its_name(http):
    answer = await call(http, "describeLayout")
    assert "sf:INVALID_OPERATION" in answer.text
    assert "describeLayout is not built" in answer.text
