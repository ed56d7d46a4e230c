"""Sessions: login, logout, getUserInfo, getServerTimestamp.

Results come as ordered pairs, because clients find elements by their place, and without
namespace prefixes, because others find them by a regular expression (SOAP API Developer Guide,
"login()", "LoginResult").
"""

from datetime import UTC, datetime

from sandbox.org.auth.grants import user_of
from sandbox.org.soap.call import Results, SoapCall
from sandbox.org.soap.errors import SoapError
from sandbox.org.soap.xml import Pairs, element, text


async def login(call: SoapCall) -> Results:
    """Opens a session (SOAP API Developer Guide, "login()")."""
    identity, given = call.org.identity, call.request.body
    user_id = user_of(call.org, text(given, "username"), text(given, "password"))
    if user_id is None:
        message = "Invalid username, password, security token; or user locked out."
        raise SoapError("INVALID_LOGIN", message)
    session = call.sessions.open(user_id, identity.client_id)
    base, version, short_id = call.instance_url, f"{call.version:.1f}", identity.org_id[:15]
    pairs: Pairs = [
        ("metadataServerUrl", f"{base}/services/Soap/m/{version}/{short_id}"),
        ("passwordExpired", False),
        ("sandbox", True),
        ("serverUrl", f"{base}/services/Soap/{call.api.letter}/{version}/{short_id}"),
        ("sessionId", session.token),
        ("userId", user_id),
        ("userInfo", _user_info(call, user_id)),
    ]
    return [element("result", pairs)]


async def logout(call: SoapCall) -> Results:
    """Ends the session (SOAP API Developer Guide, "logout()")."""
    call.session()
    call.sessions.close(call.token)
    return []


async def get_user_info(call: SoapCall) -> Results:
    """Tells who the session stands for (SOAP API Developer Guide, "getUserInfo()")."""
    return [element("result", _user_info(call, call.session().user_id))]


async def get_server_timestamp(call: SoapCall) -> Results:
    """Tells the org's time (SOAP API Developer Guide, "getServerTimestamp()")."""
    now = datetime.fromtimestamp(call.org.clock.seconds(), UTC)
    return [element("result", [("timestamp", now.strftime("%Y-%m-%dT%H:%M:%S.000Z"))])]


def _user_info(call: SoapCall, user_id: str) -> Pairs:
    org = call.org
    name, username, email, profile = org.store.connection.execute(
        'SELECT Name, Username, Email, ProfileId FROM "User" WHERE Id = ?', (user_id,)
    ).fetchone()
    return [
        ("accessibilityMode", False),
        ("chatterExternal", False),
        ("currencySymbol", "$"),
        ("orgAttachmentFileSizeLimit", "5242880"),
        ("orgDefaultCurrencyIsoCode", "USD"),
        ("orgDefaultCurrencyLocale", "en_US"),
        ("orgDisallowHtmlAttachments", False),
        ("orgHasPersonAccounts", org.has_persons),
        ("organizationId", org.identity.org_id),
        ("organizationMultiCurrency", False),
        ("organizationName", "Tidegate sandbox"),
        ("profileId", profile),
        ("roleId", None),
        ("sessionSecondsValid", str(int(call.sessions.life_seconds))),
        ("userDefaultCurrencyIsoCode", None),
        ("userEmail", email),
        ("userFullName", name),
        ("userId", user_id),
        ("userLanguage", "en_US"),
        ("userLocale", "en_GB"),
        ("userName", username),
        ("userTimeZone", "Europe/London"),
        ("userType", "Standard"),
        ("userUiSkin", "Theme3"),
    ]
